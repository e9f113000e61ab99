//! Element-wise functions behind library nodes: generated code against PyTorch, through the whole lab.

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::collections::BTreeMap;

use protocol::{Candidate, Operation, ReplyBody, Split};

/// Name, layer, constructor's statements, what follows the layer, shape of the input.
const TASKS: [(&str, &str, &str, &str, &str); 5] = [
    (
        "linear",
        "nn.Linear(300, 237)",
        "self.bn = nn.BatchNorm1d(237); self.bn.running_mean.normal_(); self.bn.running_var.uniform_(0.5, 2.0)\n\
        \x20       self.v = nn.Parameter(torch.randn(237)); self.s = nn.Parameter(torch.tensor([0.7]))",
        "torch.minimum(F.gelu(self.bn(y)), self.v) * torch.sigmoid(y) + y / 3 - 0.5 * self.s",
        "333, 300",
    ),
    (
        "conv3d",
        "nn.Conv3d(3, 5, 3, padding=(1, 0, 1), stride=(2, 1, 1), bias=False)",
        "self.c = nn.Parameter(torch.randn(5, 1, 1, 1))",
        "F.leaky_relu(torch.tanh(y + self.c), 0.2).clamp(min=-0.1) * self.c",
        "2, 3, 17, 18, 19",
    ),
    (
        "transposed",
        "nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2)",
        "self.bn = nn.BatchNorm2d(6); self.bn.running_mean.normal_(); self.bn.running_var.uniform_(0.5, 2.0)\n\
        \x20       self.w = nn.Parameter(torch.randn(3, 6, 94, 96))",
        "F.hardtanh(F.mish(self.bn(y)) + self.w, -0.5, 0.8) * 2 + F.softplus(-y) - torch.exp(-y.abs())",
        "3, 4, 46, 47",
    ),
    (
        "whole_rows",
        "nn.Conv1d(4, 8, 5)",
        "pass",
        "F.elu(F.hardswish(y) + F.silu(y) - F.gelu(y, approximate='tanh'))",
        "2, 4, 1100",
    ),
    (
        "no_layer",
        "nn.Identity()",
        "self.v = nn.Parameter(torch.randn(6, 1, 1))",
        "0.5 * y * (1 + torch.tanh(0.8 * (y + 0.04 * torch.pow(y, 3.0)))) + self.v",
        "9, 6, 117, 131",
    ),
];

#[test]
fn generated_epilogues_agree_with_pytorch() {
    let dir = tempfile::tempdir().unwrap();
    for (name, layer, statements, then, shape) in TASKS {
        let text = format!(
            "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\
             class Model(nn.Module):\n\
             \x20   def __init__(self):\n\
             \x20       super().__init__()\n\
             \x20       self.layer = {layer}\n\
             \x20       {statements}\n\
             \x20   def forward(self, x):\n\
             \x20       y = self.layer(x)\n\
             \x20       return {then}\n\
             def get_inputs():\n\
             \x20   return [torch.randn({shape})]\n\
             def get_init_inputs():\n\
             \x20   return []\n"
        );
        std::fs::write(dir.path().join(format!("{name}.py")), text).unwrap();
    }
    let mut worker = worker::start_on(dir.path());
    worker.line();
    for (name, ..) in TASKS {
        let spaces = match worker.ask(Operation::Inspect {
            task: name.to_owned(),
        }) {
            ReplyBody::Inspected(inspection) => inspection.spaces,
            other => panic!("{name}: {other:?}"),
        };
        let names: Vec<&str> = spaces.iter().map(|space| space.template.as_str()).collect();
        let (template, track) = match name {
            "no_layer" => ("fused_map", "pure"),
            _ => ("library_epilogue", "library-assisted"),
        };
        assert_eq!(names, [template], "{name}");
        let folder = dir.path().join(format!("{name}-candidate"));
        std::fs::create_dir_all(&folder).unwrap();
        let candidate = Candidate::template(template.to_owned(), BTreeMap::new());
        worker::write_experiment(&folder, "x", name, candidate);
        let report = worker.report(&Operation::Evaluate {
            dir: folder,
            attempt: 1,
            split: Split::Search,
        });
        assert!(
            report.verdict.is_ok(),
            "{name}: {}",
            report.verdict.reason()
        );
        assert_eq!(report.track.as_deref(), Some(track), "{name}");
    }
}
