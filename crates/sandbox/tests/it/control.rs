//! Freezing, reading and writing a running program.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use crate::common::{Probe, backends, patient, shell};
use sandbox::{Backend, Child, ExitReason, FreezeError, Input, MemoryError, Output, Policy};

fn everywhere() -> impl Iterator<Item = Backend> {
    backends().into_iter().chain([Backend::None])
}

fn busy(probe: &Probe, backend: Backend, threads: usize) -> Child {
    let mut child = probe
        .command(backend, patient())
        .args(["spin", &threads.to_string()])
        .stdout(Output::Piped)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.take_stdout().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn frozen_threads_use_no_processor_time() {
    let probe = Probe::new();
    for backend in everywhere() {
        let mut child = busy(&probe, backend, 2);
        let mut freezer = child.freezer().unwrap();
        let mut times_us = Vec::new();
        for _ in 0..50 {
            let started = Instant::now();
            freezer.freeze().unwrap();
            times_us.push(started.elapsed().as_micros());
            let before = freezer.thread_cpu().unwrap();
            assert_eq!(before.len(), 3, "{backend}");
            for _ in 0..20 {
                std::thread::yield_now();
            }
            assert_eq!(freezer.thread_cpu().unwrap(), before, "{backend}");
            let used_ns = freezer.cpu_ns().unwrap();
            assert_eq!(freezer.cpu_ns().unwrap(), used_ns, "{backend}");
            let threads_ns: u64 = before.iter().map(|thread| thread.run_ns).sum();
            assert!(used_ns >= threads_ns, "{backend}");
            freezer.thaw().unwrap();
            // Up to the moment, whoever runs: no tick has to pass.
            while freezer.cpu_ns().unwrap() == used_ns {
                std::thread::yield_now();
            }
            // Goes on: some thread's time passes.
            while freezer.thread_cpu().unwrap() == before {
                std::thread::yield_now();
            }
        }
        times_us.sort_unstable();
        eprintln!(
            "{backend}: freezing 3 threads takes {} µs (median)",
            times_us[25]
        );

        // The general way finds the same.
        child.freeze().unwrap();
        let before = child.thread_cpu().unwrap();
        assert_eq!(child.thread_cpu().unwrap(), before, "{backend}");
        child.thaw().unwrap();
        child.kill_tree().unwrap();
        assert!(
            matches!(freezer.freeze(), Err(FreezeError::Gone)),
            "{backend}"
        );
        assert!(
            matches!(child.freeze(), Err(FreezeError::Gone)),
            "{backend}"
        );
    }
}

#[test]
fn a_frozen_child_can_be_killed() {
    let probe = Probe::new();
    for backend in everywhere() {
        let mut child = busy(&probe, backend, 1);
        child.freeze().unwrap();
        assert_eq!(
            child.wait_timeout(Duration::from_millis(50)).unwrap(),
            None,
            "{backend}"
        );
        child.kill_tree().unwrap();
    }
}

#[test]
fn whole_tree_is_frozen() {
    for backend in everywhere() {
        let mut child = crate::common::shell(
            sandbox::Policy::isolated(),
            patient(),
            backend,
            "(while :; do :; done) & (while :; do :; done) & echo ready; wait",
        )
        .stdout(Output::Piped)
        .spawn()
        .unwrap();
        let mut line = String::new();
        BufReader::new(child.take_stdout().unwrap())
            .read_line(&mut line)
            .unwrap();
        child.freeze().unwrap();
        let used = |pid: u32| {
            std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default()
        };
        let members: Vec<u32> = descendants(child.pid().unwrap());
        assert_eq!(members.len(), 2, "{backend}");
        let before: Vec<_> = members.iter().map(|&pid| used(pid)).collect();
        for _ in 0..20 {
            std::thread::yield_now();
        }
        let after: Vec<_> = members.iter().map(|&pid| used(pid)).collect();
        assert_eq!(before, after, "{backend}");
        child.thaw().unwrap();
        while members.iter().map(|&pid| used(pid)).collect::<Vec<_>>() == before {
            std::thread::yield_now();
        }
        child.kill_tree().unwrap();
    }
}

/// Direct children, found without the crate's own help.
fn descendants(parent: u32) -> Vec<u32> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/status"))
                .is_ok_and(|text| text.contains(&format!("PPid:\t{parent}\n")))
        })
        .collect()
}

#[test]
fn memory_can_be_read_and_written_while_frozen() {
    let probe = Probe::new();
    let bytes = 8 << 20;
    for backend in everywhere() {
        let mut child = probe
            .command(backend, patient())
            .args(["serve", &bytes.to_string()])
            .stdin(Input::Piped)
            .stdout(Output::Piped)
            .spawn()
            .unwrap();
        let mut input = child.take_stdin().unwrap();
        let mut output = BufReader::new(child.take_stdout().unwrap()).lines();
        let address: u64 = output.next().unwrap().unwrap().parse().unwrap();

        child.freeze().unwrap();
        let mut seen = vec![0; bytes];
        child.read_memory(address, &mut seen).unwrap();
        assert!(
            seen.chunks(8).all(|word| word == 1_u64.to_ne_bytes()),
            "{backend}"
        );
        let new: Vec<u8> = (0..bytes as u64 / 8).flat_map(u64::to_ne_bytes).collect();
        child.write_memory(address, &new).unwrap();
        child.thaw().unwrap();

        input.write_all(b"sum\n").unwrap();
        let words = bytes as u64 / 8;
        let sum: u64 = output.next().unwrap().unwrap().parse().unwrap();
        assert_eq!(sum, words * (words - 1) / 2, "{backend}");

        let nowhere = child.read_memory(16, &mut [0; 8]);
        assert!(
            matches!(nowhere, Err(MemoryError::Refused { .. })),
            "{backend}"
        );
        // Runs off the end of the address space's upper half of the buffer.
        let partial = child.read_memory(address, &mut vec![0; 1 << 40 >> 8]);
        assert!(partial.is_err(), "{backend}");

        drop(input);
        assert_eq!(
            child.wait().unwrap(),
            sandbox::ExitReason::Exited(0),
            "{backend}"
        );
        assert!(child.read_memory(address, &mut seen).is_err(), "{backend}");
    }
}

#[test]
fn a_sealed_program_starts_nothing_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let write = format!("echo x > {}", file.display());
    for (backend, act) in backends()
        .into_iter()
        .flat_map(|backend| [(backend, write.as_str()), (backend, "/bin/true")])
    {
        // Both succeed before the seal.
        let script = format!("{act} && echo before; read line; {act} && echo after");
        let policy = Policy {
            read_write: vec![folder.path().to_owned()],
            ..Policy::isolated()
        };
        let mut child = shell(policy, patient(), backend, &script)
            .stdin(Input::Piped)
            .stdout(Output::Piped)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.take_stdout().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "before\n", "{backend}: {act}");
        assert_eq!(child.descendants(), 0, "{backend}");
        child.seal().unwrap();
        writeln!(child.take_stdin().unwrap(), "go").unwrap();
        assert_eq!(said.read_line(&mut line).unwrap(), 0, "{backend}: {act}");
        assert_ne!(child.wait().unwrap(), ExitReason::Exited(0), "{backend}");
    }
}
