//! Loading tasks: overrides, what is missing, what raises.

use anyhow::Result;
use torch_bridge::{PyFault, Value, bytes};

use crate::{Case, Lab};

pub(crate) const CASES: &[Case] = &[
    ("tasks::override_reaches_dependents", overrides),
    ("tasks::unknown_override", unknown_override),
    ("tasks::literals", literals),
    ("tasks::footprint", footprint),
    ("tasks::missing_names", missing_names),
    ("tasks::unreadable", unreadable),
    ("tasks::syntax_error", syntax_error),
    ("tasks::exception_names_file_and_line", exception),
    ("tasks::seeds", seeds),
    ("tasks::inputs_of_every_kind", input_kinds),
    ("tasks::modules_are_fresh", fresh_modules),
];

const SIZED: &str = "\
M = 8
N, K = 4, 6
WIDE: int = M * 2
NAME = 'x'
FLAG = True
class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, K)
    def forward(self, x):
        return self.fc(x)
def get_inputs():
    return [torch.randn(N, WIDE).t().contiguous().t()]
def get_init_inputs():
    return [WIDE]
";

fn overrides(lab: &Lab) -> Result<()> {
    let constants = |task: &torch_bridge::TaskModule| {
        let named: Vec<String> = task
            .constants()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        named.join(" ")
    };
    let plain = lab.task("sized", SIZED)?;
    assert_eq!(constants(&plain), "M=8 N=4 K=6 WIDE=16");
    let task = lab.try_task("sized", SIZED, &[("M", 5), ("K", 3)])?;
    assert_eq!(constants(&task), "M=5 N=4 K=3 WIDE=10");
    assert!(task.source().contains("M = 8"));
    let inputs = task.inputs(0)?;
    let input = inputs[0].as_tensor().expect("a tensor");
    assert_eq!(input.size(), [4, 10]);
    bytes(input)?;
    let params = task.model(0)?.params()?;
    assert_eq!(params[0].0, "fc.weight");
    assert_eq!(params[0].1.size(), [3, 10]);
    Ok(())
}

/// Integers that are written out, in tuples and with several names too.
const WRITTEN: &str = "\
M = 8 * 2
SHAPE = (4, M, 6)
H = W = 5
HALF = M // 2
RATE = 0.5
FLAG = True
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(SHAPE[0], 2, 3)
    def forward(self, x):
        return self.conv(x)
def get_inputs():
    return [torch.rand(M, SHAPE[0], H, W) * torch.rand(())]
";

fn literals(lab: &Lab) -> Result<()> {
    let task = lab.try_task("written", WRITTEN, &[("SHAPE[0]", 3), ("H", 9)])?;
    let literals = lab.interp.task_literals(task.path())?;
    let named: Vec<String> = literals
        .iter()
        .map(|literal| format!("{}={}", literal.names.join("="), literal.value))
        .collect();
    assert_eq!(named.join(" "), "M=16 SHAPE[0]=4 SHAPE[2]=6 H=W=5");
    // One assignment is one value, whichever of its names is overridden.
    let inputs = task.inputs(0)?;
    let input = inputs[0].as_tensor().expect("a tensor");
    assert_eq!(input.size(), [16, 3, 9, 9]);
    let constants = task.constants();
    assert!(
        constants.contains(&("SHAPE[0]".to_owned(), 3)),
        "{constants:?}"
    );
    Ok(())
}

/// The weights are 2·4·3·3 and a bias of 2; each of 16·2·3·3 outputs takes 4·3·3
/// products and as many sums.
fn footprint(lab: &Lab) -> Result<()> {
    let footprint = lab.task("written", WRITTEN)?.footprint()?;
    assert_eq!(
        footprint.given_bytes,
        4 * (16 * 4 * 5 * 5 + 2 * 4 * 3 * 3 + 2)
    );
    assert_eq!(footprint.returned_bytes, 4 * 16 * 2 * 3 * 3);
    assert_eq!(footprint.flops, 2 * 4 * 3 * 3 * (16 * 2 * 3 * 3));
    assert_eq!(footprint.row_bytes, 4 * (4 * 5 * 5 + 2 * 4 * 3 * 3 + 2));
    // Terabytes are not allocated to find out; a window that does not fit is an error.
    let large = lab
        .try_task("written", WRITTEN, &[("M", 1 << 40)])?
        .footprint()?;
    assert!(large.given_bytes > 1 << 46);
    let small = lab.try_task("written", WRITTEN, &[("H", 2)])?.footprint();
    assert!(matches!(small, Err(PyFault::Raised { .. })), "{small:?}");
    Ok(())
}

fn unknown_override(lab: &Lab) -> Result<()> {
    let error = lab
        .try_task("sized", SIZED, &[("M", 5), ("ROWS", 3)])
        .expect_err("there is no ROWS");
    let text = error.to_string();
    assert!(matches!(error, PyFault::UnknownConstant { ref name, .. } if name == "ROWS"));
    assert!(
        text.contains("sized.py") && text.contains("`ROWS`"),
        "{text}"
    );
    Ok(())
}

fn missing_names(lab: &Lab) -> Result<()> {
    let cases = [
        ("def get_inputs(): return []\n", "Model"),
        ("class Model(nn.Module): pass\n", "get_inputs"),
    ];
    for (code, missing) in cases {
        let error = lab.try_task("partial", code, &[]).expect_err(missing);
        assert!(
            matches!(error, PyFault::Missing { name, .. } if name == missing),
            "{error}"
        );
    }
    Ok(())
}

fn unreadable(lab: &Lab) -> Result<()> {
    let path = lab.folder.path().join("absent.py");
    let error = lab
        .interp
        .load_task(&path, &std::collections::BTreeMap::new())
        .expect_err("there is no such file");
    assert!(matches!(error, PyFault::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("absent.py"), "{error}");
    Ok(())
}

fn syntax_error(lab: &Lab) -> Result<()> {
    let error = lab
        .try_task("broken", "def f(:\n", &[])
        .expect_err("syntax");
    let PyFault::Raised {
        kind, traceback, ..
    } = error
    else {
        anyhow::bail!("{error}");
    };
    assert_eq!(kind, "SyntaxError");
    assert!(traceback.contains("broken.py\", line 3"), "{traceback}");
    Ok(())
}

/// Line 6 of the file is where the model raises, though its constants are
/// rewritten.
fn exception(lab: &Lab) -> Result<()> {
    let code = "\
SIZE = 1
class Model(nn.Module):
    def forward(self, x):
        raise KeyError('no such thing')
def get_inputs():
    return [torch.zeros(SIZE)]
";
    let task = lab.try_task("raises", code, &[("SIZE", 7)])?;
    let call = task.model(0)?.callable().bind(&task.inputs(0)?)?;
    let error = call.call().expect_err("it raises");
    assert!(
        error.to_string().contains("calling the eager model"),
        "{error}"
    );
    let PyFault::Raised {
        kind,
        message,
        traceback,
        ..
    } = error
    else {
        anyhow::bail!("{error}");
    };
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("KeyError", "'no such thing'")
    );
    assert!(
        traceback.contains("raises.py\", line 6, in forward"),
        "{traceback}"
    );
    assert!(traceback.contains("raise KeyError"), "{traceback}");
    Ok(())
}

fn seeds(lab: &Lab) -> Result<()> {
    let task = lab.task("sized", SIZED)?;
    let input = |seed| -> Result<Vec<u8>> {
        let inputs = task.inputs(seed)?;
        Ok(bytes(inputs[0].as_tensor().expect("a tensor"))?.to_vec())
    };
    let weight =
        |seed| -> Result<Vec<u8>> { Ok(bytes(&task.model(seed)?.params()?[0].1)?.to_vec()) };
    assert_eq!(input(1)?, input(1)?);
    assert_ne!(input(1)?, input(2)?);
    assert_eq!(weight(1)?, weight(1)?);
    assert_ne!(weight(1)?, weight(2)?);
    assert_eq!(input(u64::MAX)?, input(u64::MAX)?);
    Ok(())
}

fn input_kinds(lab: &Lab) -> Result<()> {
    let code = "\
class Model(nn.Module):
    def forward(self, x, n, f, b):
        assert type(n) is int and type(f) is float and type(b) is bool
        return x * n + f
def get_inputs():
    return [torch.ones(2), 3, 0.5, True]
";
    let task = lab.task("kinds", code)?;
    let inputs = task.inputs(0)?;
    assert!(
        matches!(
            inputs[..],
            [
                Value::Tensor(_),
                Value::Int(3),
                Value::Float(0.5),
                Value::Bool(true)
            ]
        ),
        "{inputs:?}"
    );
    let outputs = crate::eager(&task.model(0)?, &inputs)?;
    assert_eq!(torch_bridge::elements::<f32>(&outputs[0])?, [3.5, 3.5]);

    let task = lab.task(
        "text",
        "class Model(nn.Module): pass\ndef get_inputs(): return [1, 'two']\n",
    )?;
    let error = task.inputs(0).expect_err("a string is no input");
    assert_eq!(
        error.to_string(),
        "input 1 is a `str` where a tensor or a number was expected"
    );
    Ok(())
}

/// Two loads of one file don't see each other's constants.
fn fresh_modules(lab: &Lab) -> Result<()> {
    let small = lab.try_task("sized", SIZED, &[("N", 1)])?;
    let large = lab.try_task("sized", SIZED, &[("N", 9)])?;
    let rows = |task: &torch_bridge::TaskModule| -> Result<i64> {
        Ok(task.inputs(0)?[0].as_tensor().expect("a tensor").size()[0])
    };
    assert_eq!((rows(&small)?, rows(&large)?), (1, 9));
    Ok(())
}
