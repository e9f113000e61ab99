//! Binding of library nodes: operands, attributes, and whether they agree.

use super::bind::Binder;
use super::bound::{BoundBuffer, BoundStep};
use super::convolution::Convolution;
use super::error::{PlanError, Problem};
use super::expr::Expr;
use super::library::{LibraryAttrs, LibraryOp, Operand, check_operands};
use super::spec::{AttrValue, Step};

impl Binder {
    pub(super) fn bind_library(
        &self,
        step: &Step,
        op: LibraryOp,
        inputs: &[String],
        outputs: &[String],
        attrs: LibraryAttrs,
    ) -> Result<BoundStep, PlanError> {
        let error = |problem| PlanError::new(step.line, &step.place, problem);
        let indices = |names: &[String]| {
            names
                .iter()
                .map(|name| self.buffer(step, name))
                .collect::<Result<Vec<_>, _>>()
        };
        let (input_indices, output_indices) = (indices(inputs)?, indices(outputs)?);
        for (name, index) in outputs.iter().zip(&output_indices) {
            if self.buffers[*index].role.is_read_only() {
                return Err(error(Problem::WritesReadOnly(name.clone())));
            }
            if input_indices.contains(index) {
                return Err(error(Problem::Aliased(name.clone())));
            }
        }
        let input_operands = self.operands(inputs, &input_indices);
        let output_operands = self.operands(outputs, &output_indices);
        check_operands(op, &input_operands, &output_operands, &attrs).map_err(|reason| {
            error(Problem::LibraryOperands {
                op: op.name(),
                reason,
            })
        })?;
        Ok(BoundStep::Library {
            op,
            inputs: input_indices,
            outputs: output_indices,
            attrs,
        })
    }

    pub(super) fn bind_attrs(
        &self,
        step: &Step,
        op: LibraryOp,
        attrs: &[(String, AttrValue)],
    ) -> Result<LibraryAttrs, PlanError> {
        let bad = |reason| {
            PlanError::new(
                step.line,
                &step.place,
                Problem::LibraryOperands {
                    op: op.name(),
                    reason,
                },
            )
        };
        let eval = |expr: &Expr| {
            expr.eval(&self.env)
                .map_err(|error| PlanError::new(step.line, &step.place, Problem::Expression(error)))
        };
        let find = |name: &str| {
            attrs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let float = |name: &str| match find(name) {
            None => Ok(1.0),
            Some(AttrValue::Float(value)) => Ok(*value),
            Some(AttrValue::Int(expr)) => eval(expr).map(|value| value as f64),
            Some(AttrValue::Ints(_)) => Err(bad(format!("attribute `{name}` is one number"))),
        };
        if op == LibraryOp::Addmm {
            return Ok(LibraryAttrs::Addmm {
                beta: float("beta")?,
                alpha: float("alpha")?,
            });
        }
        let Some((axes, transposed)) = op.convolution() else {
            return Ok(LibraryAttrs::None);
        };
        let list = |name: &str, lowest: i64, count: usize| -> Result<Vec<i64>, PlanError> {
            let values = match find(name) {
                None => vec![lowest; count],
                Some(AttrValue::Int(expr)) => vec![eval(expr)?; count],
                Some(AttrValue::Ints(exprs)) => match exprs.as_slice() {
                    [all] => vec![eval(all)?; count],
                    exprs if exprs.len() == count => {
                        exprs.iter().map(eval).collect::<Result<_, _>>()?
                    }
                    _ => {
                        let many = format!("attribute `{name}` takes one integer or {count}");
                        return Err(bad(many));
                    }
                },
                Some(AttrValue::Float(_)) => {
                    return Err(bad(format!("attribute `{name}` takes integers")));
                }
            };
            if values
                .iter()
                .any(|value| *value < lowest || i32::try_from(*value).is_err())
            {
                return Err(bad(format!(
                    "attribute `{name}` is {values:?}, expected at least {lowest}, at most 2^31 - 1"
                )));
            }
            Ok(values)
        };
        Ok(LibraryAttrs::Convolution(Convolution {
            transposed,
            stride: list("stride", 1, axes)?,
            padding: list("padding", 0, axes)?,
            output_padding: list("output_padding", 0, axes)?,
            dilation: list("dilation", 1, axes)?,
            groups: list("groups", 1, 1)?[0],
        }))
    }

    fn operands<'a>(&'a self, names: &'a [String], indices: &[usize]) -> Vec<Operand<'a>> {
        let operand = |(name, index): (&'a String, &usize)| {
            let BoundBuffer { dtype, shape, .. } = &self.buffers[*index];
            Operand {
                name,
                dtype: *dtype,
                shape,
            }
        };
        names.iter().zip(indices).map(operand).collect()
    }
}
