//! Adapters: the shipped ones, broken ones, patches, and the choice of one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use orchestrator::adapter::{
    Adapter, AdapterError, Extent, FILES, Judge, Problem, Programs, PromptRole, example_context,
};
use orchestrator::core::agent::Role;
use orchestrator::core::settings::MetricSettings;

#[path = "adapters/leaks.rs"]
mod leaks;
#[path = "adapters/patches.rs"]
mod patches;

const SHIPPED: [&str; 4] = [
    "cuda-kernels",
    "llm-pretraining",
    "time-series",
    "traffic-forecasting",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped(name: &str) -> PathBuf {
    root().join("adapters").join(name)
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).expect("a file")
}

/// A copy that a test may break.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for file in FILES {
        fs::copy(shipped(name).join(file), folder.path().join(file)).expect("a copy");
    }
    folder
}

fn change(folder: &Path, file: &str, from: &str, to: &str) {
    let before = text(folder, file);
    assert!(before.contains(from), "`{file}` has no `{from}`");
    fs::write(folder.join(file), before.replacen(from, to, 1)).expect("a file");
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn four_adapters_are_shipped_with_eleven_files_each() {
    let names: BTreeSet<String> = fs::read_dir(root().join("adapters"))
        .expect("adapters")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, SHIPPED.map(str::to_owned).into());
    for name in SHIPPED {
        let files: BTreeSet<String> = fs::read_dir(shipped(name))
            .expect("an adapter")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(files, FILES.map(str::to_owned).into(), "{name}");
    }
}

#[test]
fn the_shipped_adapters_have_no_problems() {
    for name in SHIPPED {
        assert_eq!(listed(&Adapter::validate(&shipped(name))), "", "{name}");
        let adapter = Adapter::load(&shipped(name)).expect("an adapter");
        assert_eq!(adapter.manifest.name, name);
    }
}

#[test]
fn the_shipped_adapters_are_known_and_broken_ones_are_not() {
    let home = tempfile::tempdir().expect("a folder");
    let names = || -> Vec<String> {
        let known = Adapter::known_in(home.path());
        known.into_iter().map(|adapter| adapter.name).collect()
    };
    assert_eq!(names(), Vec::<String>::new());
    for name in ["time-series", "cuda-kernels", "llm-pretraining"] {
        fs::rename(copy(name).keep(), home.path().join(name)).expect("a folder");
    }
    assert_eq!(names(), ["cuda-kernels", "llm-pretraining", "time-series"]);
    fs::remove_file(home.path().join("time-series/phase1.md")).expect("a file");
    assert_eq!(names(), ["cuda-kernels", "llm-pretraining"]);
}

#[test]
fn a_role_has_one_prompt_and_every_prompt_a_role() {
    let files: BTreeSet<&str> = PromptRole::ALL.iter().map(|role| role.file()).collect();
    assert_eq!(files.len(), 9);
    assert!(files.iter().all(|file| FILES.contains(file)));
}

#[test]
fn the_critic_is_told_nothing_but_evaluation_and_schema() {
    let names: BTreeSet<String> = example_context(PromptRole::Critic, Extent::Full)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let allowed = [
        "objective",
        "domain",
        "device",
        "metric",
        "schema",
        "evaluation",
        "files",
        "tools",
    ];
    assert_eq!(names, allowed.map(str::to_owned).into());
    let folder = copy("time-series");
    change(
        folder.path(),
        "phase2_critic.md",
        "# Critic",
        "{{ knowledge }}",
    );
    let problems = Adapter::validate(folder.path());
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .what
            .starts_with("`knowledge` is not defined for the Critic"),
        "{}",
        problems[0]
    );
}

/// One broken adapter: its name, and how it is broken.
type Broken = (&'static str, fn(&Path));

const BROKEN: [Broken; 16] = [
    ("a missing file", |folder| {
        fs::remove_file(folder.join("phase3_fixer.md")).expect("a file");
    }),
    ("an undefined name", |folder| {
        change(
            folder,
            "phase3_strategist.md",
            "{{ objective }}",
            "{{ objektive }}",
        );
    }),
    ("an undefined field in a loop", |folder| {
        change(
            folder,
            "phase3_reporter.md",
            "{{ row.verdict }}",
            "{{ row.verdikt }}",
        );
    }),
    ("a field of what may be absent", |folder| {
        change(folder, "phase1.md", "# Explorer", "{{ data.time.column }}");
    }),
    ("a wrong key", |folder| {
        change(folder, "manifest.toml", "converged_gain", "converged_gian");
    }),
    ("a key that is nothing's", |folder| {
        change(
            folder,
            "manifest.toml",
            "[metric]",
            "[weather]\nsunny = true\n\n[metric]",
        );
    }),
    ("a metric without a direction", |folder| {
        change(folder, "manifest.toml", "direction = \"maximise\"\n", "");
    }),
    ("no metric", |folder| {
        change(folder, "manifest.toml", "[metric]", "[budgets_of_old]");
    }),
    ("a direction that is none", |folder| {
        change(folder, "manifest.toml", "\"maximise\"", "\"up\"");
    }),
    ("a direction that the name denies", |folder| {
        change(folder, "manifest.toml", "\"maximise\"", "\"minimise\"");
    }),
    ("a direction that the formula denies", |folder| {
        change(
            folder,
            "manifest.toml",
            "direction = \"maximise\"",
            "direction = \"maximise\"\nformula = \"rmse\"",
        );
    }),
    ("an empty prompt", |folder| {
        fs::write(folder.join("phase2_tester.md"), "  \n").expect("a file");
    }),
    ("values of the wrong type and range", |folder| {
        change(folder, "manifest.toml", "hours = 0.115", "hours = \"many\"");
        change(folder, "manifest.toml", "turns = 80", "turns = 1");
        change(
            folder,
            "manifest.toml",
            "lab = \"kernel-lab\"",
            "lab = \"../kernel-lab\"",
        );
        change(
            folder,
            "manifest.toml",
            "\"kernels/tasks\"",
            "\"../../elsewhere\"",
        );
    }),
    ("no TOML", |folder| {
        change(
            folder,
            "manifest.toml",
            "name = \"cuda-kernels\"",
            "name = ",
        );
    }),
    ("paths of one machine", |folder| {
        change(
            folder,
            "phase1.md",
            "# Explorer",
            "Look into /home/me/data.",
        );
        change(
            folder,
            "phase3_fixer.md",
            "# Fixer",
            "See `C:\\data` first.",
        );
    }),
    ("many things at once", |folder| {
        fs::remove_file(folder.join("phase1.md")).expect("a file");
        fs::write(folder.join("phase3_fixer.md"), "").expect("a file");
        fs::write(folder.join("phase2_builder.md"), vec![b'x'; 40_000]).expect("a file");
        fs::write(folder.join("phase2_critic.md"), [0xff, 0xfe]).expect("a file");
        change(folder, "manifest.toml", "schema = 1", "schema = 2");
        change(folder, "phase2_tester.md", "{% endif %}", "");
        change(
            folder,
            "phase3_strategist.md",
            "{{ objective }}",
            "{{ nobody_knows }}\n{{ polici.turns }}",
        );
    }),
];

#[test]
fn a_broken_adapter_is_told_what_is_wrong() {
    let mut told = String::new();
    for (name, breaks) in BROKEN {
        let folder = copy("cuda-kernels");
        breaks(folder.path());
        let problems = Adapter::validate(folder.path());
        assert!(!problems.is_empty(), "{name}: nothing was found");
        told.extend(["== ", name, "\n", &listed(&problems), "\n\n"]);
        let usable = problems.iter().all(|problem| !problem.is_error());
        match Adapter::load(folder.path()) {
            Ok(_) => assert!(usable, "{name}: loaded in spite of errors"),
            Err(AdapterError::Invalid { problems, .. }) => {
                assert!(!usable && problems.iter().all(Problem::is_error), "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_measures_without_a_lab_or_commands() {
    let folder = copy("cuda-kernels");
    change(folder.path(), "manifest.toml", "lab = \"kernel-lab\"\n", "");
    let told = listed(&Adapter::validate(folder.path()));
    assert!(told.contains("neither a lab nor an evaluation"), "{told}");
}

#[test]
fn a_lab_that_is_not_built_is_told() {
    let bin = tempfile::tempdir().expect("a folder");
    let programs = Programs::new(bin.path().to_owned(), std::ffi::OsStr::new(""));
    let told = |name: &str| listed(&Adapter::validate_here(&shipped(name), &programs));
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}\n{}",
        told("cuda-kernels"),
        told("llm-pretraining"),
        told("traffic-forecasting"),
        told("time-series"),
    ));
    fs::write(bin.path().join("train-lab"), "").expect("a file");
    assert_eq!(told("llm-pretraining"), "");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let folder = copy("time-series");
    change(
        folder.path(),
        "manifest.toml",
        "score = [\"python\", \"score.py\"]",
        "score = [\"scorer\", \"--fast\"]",
    );
    let bin = tempfile::tempdir().expect("a folder");
    let path = bin.path().as_os_str().to_owned();
    fs::write(bin.path().join("forecast-lab"), "").expect("a file");
    let programs = Programs::new(bin.path().to_owned(), &path);
    let told = listed(&Adapter::validate_here(folder.path(), &programs));
    assert!(
        told.contains("`evaluation.score`: there is no program `scorer`"),
        "{told}"
    );
    fs::write(bin.path().join("scorer"), "").expect("a file");
    assert_eq!(
        listed(&Adapter::validate_here(folder.path(), &programs)),
        ""
    );
}

#[test]
fn the_lab_measures_where_it_is_built_and_commands_elsewhere() {
    let manifest = |name: &str| Adapter::load(&shipped(name)).expect("an adapter").manifest;
    let series = manifest("time-series");
    assert_eq!(series.judge(|_| true), Ok(Judge::Lab("forecast-lab")));
    assert!(matches!(series.judge(|_| false), Ok(Judge::Commands(_))));
    let error = manifest("llm-pretraining")
        .judge(|_| false)
        .expect_err("no lab");
    assert_eq!(
        (error.adapter.as_str(), error.lab.as_str()),
        ("llm-pretraining", "train-lab")
    );
}

#[test]
fn a_baseline_that_nobody_measured_stays_unknown() {
    let manifest = Adapter::load(&shipped("traffic-forecasting"))
        .expect("an adapter")
        .manifest;
    assert_eq!(manifest.metric.baseline_value, None);
    let settings = MetricSettings::from(manifest.metric);
    assert_eq!(settings.baseline_value, None);
}

#[test]
fn the_prompts_of_cuda_kernels_render() {
    let folder = copy("cuda-kernels");
    fs::write(
        folder.path().join("domain_knowledge.md"),
        "Known on {{ device }}.",
    )
    .expect("a file");
    let adapter = Adapter::load(folder.path()).expect("an adapter");
    for role in PromptRole::ALL {
        for extent in [Extent::Full, Extent::Bare] {
            let name = format!("prompt_{role:?}_{extent:?}").to_lowercase();
            insta::assert_snapshot!(name, render(&adapter, role, extent));
        }
    }
}

/// A prompt from an example: what a caller gets from typed contexts.
fn render(adapter: &Adapter, role: PromptRole, extent: Extent) -> String {
    adapter
        .render_variables(role, example_context(role, extent))
        .expect("a prompt")
}

#[test]
fn no_prompt_leaves_holes() {
    for name in SHIPPED {
        let adapter = Adapter::load(&shipped(name)).expect("an adapter");
        for role in PromptRole::ALL {
            for extent in [Extent::Full, Extent::Bare] {
                let prompt = render(&adapter, role, extent);
                assert!(
                    !prompt.contains("\n\n\n"),
                    "{name} {role:?} {extent:?}\n{prompt}"
                );
                assert!(
                    !prompt.contains("none"),
                    "{name} {role:?} {extent:?}\n{prompt}"
                );
                assert!(
                    !prompt.contains("{{") && !prompt.contains("{%"),
                    "{name} {role:?}"
                );
            }
        }
    }
}

#[test]
fn the_planners_roles_need_no_more_than_the_driver_knows() {
    let known = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let context = known(serde_json::json!({
        "objective": "Be quick",
        "device": "cpu",
        "metric": {
            "name": "speedup", "unit": "ratio", "direction": "maximise",
            "baseline": "the other", "baseline_value": 1.0,
        },
        "policy": {
            "tries_per_worker": 3, "finalists": 1, "try_s": 1.0, "evaluate_s": 1.0,
            "remeasure_s": 1.0, "converged_gain": 0.02, "turns": 20,
        },
        "playbook": "# Playbook",
        "experiment": {
            "id": "e0001", "task": "gelu", "name": "one", "hypothesis": "h", "templates": [],
        },
    }));
    for name in SHIPPED {
        let adapter = Adapter::load(&shipped(name)).expect("an adapter");
        for role in [Role::Strategist, Role::Worker] {
            let prompt = adapter.prompt(role, context.clone()).expect("a prompt");
            assert!(
                prompt.contains("Be quick") && prompt.contains("# Playbook"),
                "{prompt}"
            );
        }
    }
}

#[test]
fn a_prompt_quotes_no_baseline_that_nobody_measured() {
    let adapter = Adapter::load(&shipped("traffic-forecasting")).expect("an adapter");
    let mut context = example_context(PromptRole::Strategist, Extent::Full);
    let metric = MetricSettings::from(adapter.manifest.metric.clone());
    context.insert(
        "metric".to_owned(),
        serde_json::to_value(metric).expect("a metric"),
    );
    let prompt = adapter.prompt(Role::Strategist, context).expect("a prompt");
    assert!(
        prompt.contains("the same hour one week earlier."),
        "{prompt}"
    );
}

#[test]
fn the_default_campaign_is_on_some_of_the_shipped_tasks() {
    let manifest = Adapter::load(&shipped("cuda-kernels"))
        .expect("an adapter")
        .manifest;
    let data = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(&manifest.default_data);
    let find = |only: &[String]| {
        orchestrator::campaign::find_tasks(&data, &manifest.task_extension, only).expect("tasks")
    };
    let (few, all) = (find(&manifest.default_tasks), find(&[]));
    assert_eq!(few.len(), 14);
    assert!(all.len() >= 65, "{}", all.len());
    // Half a minute for each, however many.
    let budgets = &manifest.budgets;
    assert_eq!(budgets.on(few.len()), (60, 0.115));
    assert_eq!(budgets.on(1), (60, 0.115));
    let (experiments, hours) = budgets.on(all.len());
    let seconds_each = hours * 3600.0 / all.len() as f64;
    assert!((29.0..31.0).contains(&seconds_each), "{seconds_each}");
    assert!(experiments as usize >= 4 * all.len(), "{experiments}");
}

#[test]
fn budgets_that_name_no_number_of_tasks_are_for_any() {
    let mut budgets = Adapter::load(&shipped("cuda-kernels"))
        .expect("an adapter")
        .manifest
        .budgets;
    budgets.tasks = None;
    assert_eq!(budgets.on(65), (60, 0.115));
    budgets.tasks = Some(4);
    assert_eq!(budgets.on(5), (75, 0.115 * 1.25));
    assert_eq!(budgets.on(4), (60, 0.115));
}
