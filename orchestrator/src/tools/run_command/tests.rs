//! Commands with the real sandbox, under every backend that works here.

use std::time::Duration;

use sandbox::Backend;
use tempfile::TempDir;

use super::*;

/// A command that nobody stops.
fn run(spec: &CommandSpec) -> Result<CommandResult, RunError> {
    super::run(spec, &AtomicBool::new(false))
}

/// A campaign's folders, readable for the sandbox's user.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["workspace", "logs", "scratch", "data", "evaluation"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spec(&self, backend: Backend, text: &str) -> CommandSpec {
        CommandSpec {
            backend: BackendChoice::Force(backend),
            read_only: vec![self.path("data")],
            limits: Limits {
                wall: Some(Duration::from_mins(1)),
                ..Limits::agent()
            },
            ..CommandSpec::new(
                text,
                self.path("workspace"),
                self.path("logs"),
                self.path("scratch"),
            )
        }
    }

    fn run(&self, backend: Backend, text: &str) -> CommandResult {
        run(&self.spec(backend, text)).unwrap()
    }

    fn is_clean(&self) -> bool {
        fs::read_dir(self.path("scratch")).unwrap().next().is_none()
    }
}

fn backends() -> Vec<Backend> {
    let doctor = sandbox::doctor();
    let works = [
        (Backend::Bubblewrap, doctor.bubblewrap.is_ok()),
        (Backend::Landlock, doctor.landlock.is_ok()),
    ];
    let found: Vec<_> = works
        .into_iter()
        .filter(|&(backend, works)| {
            if !works {
                eprintln!("skipped: no {backend} here");
            }
            works
        })
        .map(|(backend, _)| backend)
        .collect();
    assert!(
        found.len() == 2 || std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_none(),
        "a backend is missing"
    );
    found
}

#[test]
fn a_command_works_in_the_workspace_and_says_how_it_ended() {
    for backend in backends() {
        let place = Place::new();
        fs::write(place.path("workspace/ours.txt"), "by the harness").unwrap();
        fs::write(place.path("data/d.csv"), "1,2\n").unwrap();
        let data = place.path("data/d.csv");
        let result = place.run(
            backend,
            &format!(
                "pwd; cat {}; echo more >> ours.txt; echo x > \"$TMPDIR/x\" && mkdir a && \
                 echo oops >&2; exit 3",
                data.display()
            ),
        );
        assert_eq!(
            result.ended,
            Ended::Exited { code: 3 },
            "{backend} {result:?}"
        );
        let workspace = place.path("workspace");
        assert_eq!(
            result.stdout.text,
            format!("{}\n1,2\n", workspace.display())
        );
        assert_eq!(result.stderr.text, "oops\n", "{backend}");
        assert_eq!(
            fs::read_to_string(place.path("workspace/ours.txt")).unwrap(),
            "by the harnessmore\n",
            "{backend}"
        );
        assert!(place.is_clean(), "{backend}");
        assert!(fs::read_dir(place.path("logs")).unwrap().next().is_none());
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!(json["ended"], "exited");
        assert_eq!(json["code"], 3);
    }
}

#[test]
fn long_output_is_shown_in_part_and_kept_whole_where_commands_can_read_it() {
    for backend in backends() {
        let place = Place::new();
        let spec = CommandSpec {
            shown_bytes: 100,
            ..place.spec(backend, "seq 1 20000; echo last")
        };
        let result = run(&spec).unwrap();
        let text = &result.stdout.text;
        assert!(
            text.starts_with("1\n2\n3\n") && text.ends_with("last\n"),
            "{text}"
        );
        let file = result.stdout.file.unwrap();
        let left_out = result.stdout.bytes - 100;
        let line = format!(
            "… {left_out} bytes left out, whole output in {}",
            file.display()
        );
        assert!(text.contains(&line), "{backend}: {text}");
        let whole = fs::read_to_string(&file).unwrap();
        assert_eq!(whole.len() as u64, result.stdout.bytes);

        let look = format!("grep -c . {0}; echo x >> {0}", file.display());
        let again = CommandSpec {
            name: "second".into(),
            ..place.spec(backend, &look)
        };
        assert_eq!(run(&again).unwrap().stdout.text, "20001\n", "{backend}");
        assert_eq!(fs::read_to_string(&file).unwrap(), whole, "{backend}");
    }
}

#[test]
fn the_python_environment_comes_first_and_is_read_only() {
    for backend in backends() {
        let place = Place::new();
        let python = place.path("python");
        fs::create_dir_all(python.join("bin")).unwrap();
        let tool = python.join("bin/ls");
        fs::write(&tool, "#!/bin/sh\necho ours\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o777)).unwrap();
        let spec = CommandSpec {
            python: Some(python.clone()),
            ..place.spec(backend, "ls; echo x >> $VIRTUAL_ENV/bin/ls || echo refused")
        };
        let result = run(&spec).unwrap();
        assert_eq!(result.stdout.text, "ours\nrefused\n", "{backend}");
    }
}

#[test]
fn hidden_files_are_absent_and_the_evaluation_is_read_only_where_given() {
    for backend in backends() {
        let place = Place::new();
        fs::write(place.path("workspace/campaign.db"), "the log").unwrap();
        fs::write(place.path("evaluation/score.py"), "score").unwrap();
        let score = place.path("evaluation/score.py");
        let text = format!(
            "cat campaign.db; cat {0}; echo x >> {0} || echo refused; echo made > new; cat new",
            score.display()
        );
        let mut spec = CommandSpec {
            hidden: vec![place.path("workspace/campaign.db"), place.path("nothing")],
            ..place.spec(backend, &text)
        };
        assert_eq!(
            run(&spec).unwrap().stdout.text,
            "refused\nmade\n",
            "{backend}"
        );
        spec.evaluation = Some(place.path("evaluation"));
        let given = run(&spec).unwrap().stdout.text;
        assert_eq!(given, "scorerefused\nmade\n", "{backend}");
        let log = fs::read_to_string(place.path("workspace/campaign.db")).unwrap();
        assert_eq!(log, "the log");
    }
}

#[test]
fn the_network_is_there_only_if_granted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for backend in backends() {
        let place = Place::new();
        let text = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo connected");
        let mut spec = place.spec(backend, &text);
        assert_eq!(run(&spec).unwrap().stdout.text, "", "{backend}");
        spec.network = true;
        assert_eq!(run(&spec).unwrap().stdout.text, "connected\n", "{backend}");
    }
}

#[test]
fn limits_end_a_command_with_words_to_act_on() {
    for backend in backends() {
        let place = Place::new();
        let cases: [(&str, Limits, &str); 6] = [
            (
                "sleep 1000",
                Limits {
                    wall: Some(Duration::from_millis(300)),
                    ..Limits::agent()
                },
                "killed after 0.3 s",
            ),
            (
                "while :; do :; done",
                Limits {
                    tree_cpu_s: Some(1),
                    ..Limits::agent()
                },
                "more than 1 s of processor time",
            ),
            (
                "x=$(head -c 100000000 /dev/zero | tr '\\0' x); sleep 1000",
                Limits {
                    resident_bytes: Some(40 << 20),
                    ..Limits::agent()
                },
                "more than 40 MiB of memory",
            ),
            (
                "yes",
                Limits {
                    output_bytes: Some(4 << 20),
                    ..Limits::agent()
                },
                "printed more than 4 MiB",
            ),
            (
                "for i in 1 2 3 4 5 6 7 8 9; do head -c 3000000 /dev/zero > f$i; done; sleep 1000",
                Limits {
                    disk_bytes: Some(10 << 20),
                    ..Limits::agent()
                },
                "more than 10 MiB to disk",
            ),
            (
                "for i in $(seq 60); do : > f$i; done; sleep 1000",
                Limits {
                    disk_files: Some(50),
                    ..Limits::agent()
                },
                "more than 50 files",
            ),
        ];
        for (text, limits, words) in cases {
            let result = run(&CommandSpec {
                limits,
                ..place.spec(backend, text)
            })
            .unwrap();
            let said = result.ended.to_string();
            assert!(said.contains(words), "{backend}: {text}: {said}");
            assert!(place.is_clean(), "{backend}: {text}");
        }
    }
}

#[test]
fn a_scratch_folder_that_was_locked_is_removed_all_the_same() {
    for backend in backends() {
        let place = Place::new();
        place.run(
            backend,
            "mkdir -p $TMPDIR/a/b && : > $TMPDIR/a/b/c && chmod 0 $TMPDIR/a/b $TMPDIR/a",
        );
        assert!(place.is_clean(), "{backend}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new();
    let mut spec = place.spec(Backend::Bubblewrap, ":");
    spec.logs = place.path("nowhere");
    let error = run(&spec).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let mut spec = place.spec(Backend::Landlock, ":");
    spec.read_only.push(place.path("no-data"));
    let error = run(&spec).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no-data"), "{source}");
}

/// The published system ran agents' commands with the user's own rights.
#[test]
fn fault_19_commands_run_in_a_sandbox_by_default() {
    let place = Place::new();
    fs::write(place.path("secret"), "secret content").unwrap();
    let secret = place.path("secret");
    let tries = format!(
        "cat {0}; cat ~/.ssh/id_*; echo changed > {0}; kill -0 {1} && echo signalled; \
         echo gone > {2}/gone; env",
        secret.display(),
        std::process::id(),
        place.folder.path().display()
    );
    let spec = CommandSpec {
        backend: BackendChoice::default(),
        ..place.spec(Backend::Bubblewrap, &tries)
    };
    let result = run(&spec).unwrap();
    let said = format!("{}{}", result.stdout.text, result.stderr.text);
    assert!(
        !said.contains("secret content") && !said.contains("signalled"),
        "{said}"
    );
    assert!(!said.contains("CARGO"), "our environment leaked: {said}");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret content");
    assert!(!place.path("gone").exists());
}

/// The published system committed to whatever repository enclosed its
/// workspace.
#[test]
fn fault_20_no_command_writes_into_an_enclosing_repository() {
    let git = ["/usr/bin/git", "/usr/local/bin/git"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(program) = git else {
        assert!(
            std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_none(),
            "no git"
        );
        println!("skipped: no git");
        return;
    };
    for backend in backends() {
        for inside in [false, true] {
            let place = Place::new();
            let top = if inside {
                place.path("workspace")
            } else {
                place.folder.path().to_owned()
            };
            let git = |arguments: &[&str]| {
                let policy = Policy {
                    cwd: top.clone(),
                    ..Policy::trusted().env("GIT_CONFIG_GLOBAL", "/dev/null")
                };
                Command::new(program, policy, Limits::none())
                    .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
                    .args(["-c", "safe.directory=*"])
                    .args(arguments.iter().copied())
                    .run()
                    .unwrap()
                    .stdout
                    .text()
            };
            git(&["init", "-q"]);
            git(&["commit", "-q", "--allow-empty", "-m", "first"]);
            let head = git(&["rev-parse", "HEAD"]);
            assert!(head.len() >= 40, "{head}");
            place.run(
                backend,
                "git config --global safe.directory '*'; echo x > new; mkdir -p .git/hooks; \
                 echo x > .git/hooks/post-checkout; mv .git elsewhere; rm -rf .git; \
                 git add -A && git -c user.name=a -c user.email=a@example.org commit -qm stolen",
            );
            assert_eq!(git(&["rev-parse", "HEAD"]), head, "{backend} {inside}");
            assert_eq!(
                git(&["log", "--format=%s"]),
                "first\n",
                "{backend} {inside}"
            );
            let hook = top.join(".git/hooks/post-checkout");
            assert!(!hook.exists(), "{backend} {inside}");
            assert!(!top.join("elsewhere").exists(), "{backend} {inside}");
        }
    }
}

#[test]
fn a_command_that_is_stopped_ends_at_once() {
    for backend in backends() {
        let place = Place::new();
        let result = super::run(
            &place.spec(backend, "echo begun; sleep 1000; echo ended"),
            &AtomicBool::new(true),
        );
        let result = result.unwrap();
        assert_eq!(result.ended, Ended::Cancelled, "{backend}");
        assert!(!result.stdout.text.contains("ended"), "{backend}");
        assert!(place.is_clean());
    }
}
