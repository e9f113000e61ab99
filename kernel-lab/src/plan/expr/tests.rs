//! Totality, printing and arithmetic of the expression language.

use proptest::prelude::*;

use super::*;

fn env() -> Env {
    let mut env = Env::default();
    env.set_dim("rows", 6);
    env.set_dim("big", i64::MAX);
    env.set_shape("in.0", vec![2, 3, 5]);
    env.set_shape("param.fc.weight", vec![7, 11]);
    env.set_shape("scalar", Vec::new());
    env
}

fn eval(text: &str) -> Result<i64, String> {
    Expr::parse(text)
        .and_then(|expr| expr.eval(&env()))
        .map_err(|error| error.to_string())
}

#[test]
fn values() {
    let cases = [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("7 / 2", 3),
        ("-7 / 2", -4),
        ("-7 % 3", 2),
        ("2 - -3", 5),
        ("--3", 3),
        ("-9223372036854775808", i64::MIN),
        ("min(rows, 4) + max(1, 2)", 6),
        ("ceil_div(7, 2)", 4),
        ("ceil_div(-7, 2)", -3),
        ("round_up(17, 8)", 24),
        ("in.0.shape[-1] * in.0.shape[0]", 10),
        ("in.0.shape[in.0.rank - 1]", 5),
        ("in.0.numel", 30),
        ("param.fc.weight.shape[1]", 11),
        ("prod(in.0, 0, 1)", 2),
        ("prod(in.0, 1, in.0.rank)", 15),
        ("prod(in.0, 0, -1)", 6),
        ("prod(in.0, 3, 3)", 1),
        ("scalar.numel", 1),
        ("min(ceil_div(rows, 4), round_up(1, 2))", 2),
    ];
    for (text, value) in cases {
        assert_eq!(eval(text), Ok(value), "{text}");
    }
}

#[test]
fn errors_name_expression_position_and_cause() {
    let cases = [
        (
            "rows * rowz",
            "`rows * rowz` at column 8: unknown name `rowz` (did you mean `rows`?)",
        ),
        (
            "big + 1",
            "`big + 1` at column 5: 9223372036854775807 + 1 overflows 64 bits",
        ),
        ("1 / 0", "`1 / 0` at column 3: 1 / 0 divides by zero"),
        (
            "1 % -2",
            "`1 % -2` at column 3: 1 % -2 divides by a negative number",
        ),
        (
            "ceil_div(1, 0)",
            "`ceil_div(1, 0)` at column 1: ceil_div(1, 0) divides by zero",
        ),
        (
            "in.1.numel",
            "`in.1.numel` at column 1: unknown buffer `in.1` (did you mean `in.0`?)",
        ),
        (
            "in.0.shape[3]",
            "dimension 3 is outside `in.0`, which has rank 3",
        ),
        ("in.0.shape[-4]", "dimension -4 is outside"),
        ("scalar.shape[0]", "which has rank 0"),
        (
            "prod(in.0, 2, 1)",
            "the range 2..1 of `in.0` runs backwards",
        ),
        ("prod(in.0, 0, 4)", "dimension 4 is outside"),
        ("prod(3, 0, 4)", "expected a buffer"),
        ("mim(1, 2)", "unknown name `mim` (did you mean `min`?)"),
        ("1 +", "expected a number, a name or `(`, found the end"),
        ("1 2", "expected an operator or the end, found `2`"),
        ("rows[0]", "only `.shape` can be indexed"),
        ("in.0.shape", "expected `[` after `.shape`"),
        ("2 ^ 3", "found `^`"),
        ("\u{1b}[31m", "found `\\u{1b}`"),
        ("99999999999999999999", "does not fit 64 bits"),
        ("-(-9223372036854775808)", "overflows"),
        ("min(1)", "expected `,`, found `)`"),
        ("", "found the end"),
    ];
    for (text, part) in cases {
        let message = eval(text).expect_err(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    assert!(eval(&deep).expect_err("deep").contains("nested deeper"));
    assert!(
        eval(&"-".repeat(1000))
            .expect_err("deep")
            .contains("nested deeper")
    );
    let long = vec!["1"; 600].join("+");
    assert!(eval(&long).expect_err("long").contains("longer than"));
    assert_eq!(eval(&vec!["1"; 512].join("+")), Ok(512));
}

/// The reference: the same language in 128-bit arithmetic over one operation at a time,
/// `None` where any step leaves 64 bits or divides by a number that is not positive.
fn reference(node: &Node) -> Option<i128> {
    let fits = |value: i128| i64::try_from(value).ok().map(i128::from);
    let positive = |value: i128| (value > 0).then_some(value);
    match node {
        Node::Int(value) => Some(i128::from(*value)),
        Node::Neg { operand, .. } => fits(-reference(operand)?),
        Node::Binary {
            op, left, right, ..
        } => {
            let (a, b) = (reference(left)?, reference(right)?);
            fits(match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div => a.div_euclid(positive(b)?),
                BinaryOp::Rem => a.rem_euclid(positive(b)?),
            })
        }
        Node::Call {
            function,
            left,
            right,
            ..
        } => {
            let (a, b) = (reference(left)?, reference(right)?);
            fits(match function {
                Function::Min => a.min(b),
                Function::Max => a.max(b),
                Function::CeilDiv => -(-a).div_euclid(positive(b)?),
                Function::RoundUp => -(-a).div_euclid(positive(b)?) * b,
            })
        }
        Node::Dim { name, .. } => env().dim(name).map(i128::from),
        Node::Numel { buffer, .. } => env()
            .shape(buffer)
            .map(|shape| shape.iter().map(|n| i128::from(*n)).product()),
        Node::Rank { buffer, .. } => env().shape(buffer).map(|shape| shape.len() as i128),
        Node::Shape { .. } | Node::Prod { .. } => None,
    }
}

fn tree() -> impl Strategy<Value = Node> {
    let literal = prop_oneof![-4_i64..20, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    let leaf = prop_oneof![
        4 => literal.prop_map(Node::Int),
        1 => Just(Node::Dim { at: 0, name: "rows".to_owned() }),
        1 => Just(Node::Numel { at: 0, buffer: "in.0".to_owned() }),
        1 => Just(Node::Rank { at: 0, buffer: "param.fc.weight".to_owned() }),
    ];
    let op = prop_oneof![
        Just(BinaryOp::Add),
        Just(BinaryOp::Sub),
        Just(BinaryOp::Mul),
        Just(BinaryOp::Div),
        Just(BinaryOp::Rem)
    ];
    let function = prop_oneof![
        Just(Function::Min),
        Just(Function::Max),
        Just(Function::CeilDiv),
        Just(Function::RoundUp)
    ];
    leaf.prop_recursive(4, 24, 2, move |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|operand| Node::Neg { at: 0, operand: Box::new(operand) }),
            4 => (op.clone(), inner.clone(), inner.clone()).prop_map(|(op, left, right)| Node::Binary {
                at: 0,
                op,
                left: Box::new(left),
                right: Box::new(right)
            }),
            2 => (function.clone(), inner.clone(), inner).prop_map(|(function, left, right)| Node::Call {
                at: 0,
                function,
                left: Box::new(left),
                right: Box::new(right)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_ends_in_a_value_or_an_error(text in any::<String>()) {
        let _ = Expr::parse(&text).and_then(|expr| expr.eval(&env()));
    }

    #[test]
    fn any_token_soup_ends_in_a_value_or_an_error(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "0", "7", "9223372036854775807",
                "rows", "in.0", "in.0.shape[", "in.0.numel", ".rank", "prod(", "min(", "ceil_div(", " ", "é",
            ]),
            0..40,
        )
    ) {
        let _ = Expr::parse(&tokens.concat()).and_then(|expr| expr.eval(&env()));
    }

    #[test]
    fn printing_and_parsing_keeps_the_value(node in tree()) {
        let text = node.to_string();
        prop_assume!(text.len() <= MAX_LEN);
        let parsed = Expr::parse(&text).expect("printed expressions parse");
        prop_assert_eq!(parsed.root().to_string(), text);
        let value = parsed.eval(&env()).ok().map(i128::from);
        prop_assert_eq!(value, reference(&node));
    }
}
