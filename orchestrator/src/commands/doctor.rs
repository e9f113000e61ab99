//! `doctor`: is everything here that a campaign needs?

use std::path::Path;

use protocol::Device;
use serde::Serialize;

use super::{Failure, Places, exit, show};
use crate::exec::{LabProgram, describe, usable};

/// Free disk space that a campaign should find, in GiB.
const DISK_GIB: f64 = 2.0;

#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    ok: bool,
    /// False for what only makes things slower or safer, or is for a device that nobody must have.
    required: bool,
    detail: String,
    remedy: Option<String>,
}

/// Looks at the machine and prints what is missing, with remedies.
pub fn doctor(places: &Places, lab: &str, json: bool) -> Result<u8, Failure> {
    let mut findings = vec![cores(), disk(), compiler(places), venv(places)];
    findings.extend(confinement());
    findings.extend(lab_works(places, lab));
    let ok = findings.iter().all(|f| f.ok || !f.required);
    if json {
        show::print_json(&serde_json::json!({ "schema": 1, "ok": ok, "checks": findings }));
    } else {
        for finding in &findings {
            let mark = match (finding.ok, finding.required) {
                (true, _) => "ok     ",
                (false, true) => "missing",
                (false, false) => "absent ",
            };
            println!("{mark}  {:<14} {}", finding.name, finding.detail);
            if let Some(remedy) = &finding.remedy {
                println!("         {:<14} -> {remedy}", "");
            }
        }
    }
    Ok(if ok { exit::OK } else { exit::INPUT })
}

fn finding(name: &str, required: bool, result: Result<String, String>, remedy: &str) -> Finding {
    let ok = result.is_ok();
    Finding {
        name: name.to_owned(),
        ok,
        required,
        detail: result.unwrap_or_else(|why| why),
        remedy: (!ok).then(|| remedy.to_owned()),
    }
}

fn cores() -> Finding {
    let n = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let result = if n >= 2 {
        Ok(format!("{n} cores"))
    } else {
        Err("1 core".to_owned())
    };
    finding(
        "cores",
        true,
        result,
        "measuring needs two: one for either side's second thread",
    )
}

fn disk() -> Finding {
    let result = match rustix::fs::statvfs(".") {
        Ok(stat) => {
            let gib = stat.f_bavail as f64 * stat.f_frsize as f64 / (1_u64 << 30) as f64;
            let text = format!("{gib:.1} GiB free here");
            if gib >= DISK_GIB { Ok(text) } else { Err(text) }
        }
        Err(error) => Err(error.to_string()),
    };
    finding(
        "disk",
        true,
        result,
        "free some space, or use another --dir",
    )
}

fn compiler(places: &Places) -> Finding {
    let path = places
        .environment
        .iter()
        .find(|(key, _)| key == "PATH")
        .map(|(_, value)| value.clone())
        .unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("g++"))
        .find(|program| program.is_file());
    let result = found
        .map(|program| program.display().to_string())
        .ok_or_else(|| "no `g++` on the PATH".to_owned());
    finding("compiler", true, result, "apt-get install g++")
}

fn venv(places: &Places) -> Finding {
    let named = places
        .environment
        .iter()
        .find(|(key, _)| key == "ALPHALAB_VENV")
        .map(|(_, value)| Path::new(value).to_owned());
    let folder = named.unwrap_or_else(|| places.home.join(".venv"));
    let python = folder.join("bin").join("python");
    let result = if python.exists() {
        Ok(python.display().to_string())
    } else {
        Err(format!("no `{}`", python.display()))
    };
    finding("venv", true, result, "cargo xtask setup")
}

fn confinement() -> [Finding; 3] {
    let doctor = sandbox::doctor();
    let bubblewrap = doctor.bubblewrap.clone().map(|p| p.display().to_string());
    let landlock = doctor.landlock.clone().map(|v| format!("Landlock ABI {v}"));
    let any = doctor
        .best()
        .map(|b| format!("{b:?}"))
        .map_err(|e| crate::chain::of(&e));
    [
        finding(
            "sandbox",
            true,
            any,
            "apt-get install bubblewrap, or a kernel with Landlock",
        ),
        finding(
            "bubblewrap",
            false,
            bubblewrap,
            "apt-get install bubblewrap",
        ),
        finding(
            "landlock",
            false,
            landlock,
            "a kernel 5.13 or later with Landlock enabled",
        ),
    ]
}

/// Starts the lab and asks what it can measure on: that needs torch. What else it measures on
/// where it is told to, and what that needs, it says too.
fn lab_works(places: &Places, name: &str) -> Vec<Finding> {
    let log = std::env::temp_dir().join(format!("alphalab-doctor-{}.log", std::process::id()));
    let program = places.lab_at(name, log.clone());
    let described = if program.path.is_file() {
        describe(&program)
    } else {
        Err(format!("no `{}`", program.path.display()))
    };
    let others: Vec<Finding> = described
        .iter()
        .flat_map(|it| &it.devices)
        .filter(|device| !device.needs.is_empty())
        .flat_map(|device| other_device(&program, device))
        .collect();
    let works = described.is_ok();
    let result = described.map(|it| {
        let devices: Vec<String> = it
            .devices
            .iter()
            .filter(|device| device.available)
            .map(|device| format!("{} ({})", device.name, device.detail))
            .collect();
        format!("{} {}: {}", it.lab, it.version, devices.join(", "))
    });
    if works {
        // A log that stays behind harms nobody.
        let _ = std::fs::remove_file(&log);
    }
    let lab = finding(
        "lab",
        true,
        result,
        "cargo xtask setup, then cargo build --release",
    );
    std::iter::once(lab).chain(others).collect()
}

/// What a lab that is started for a device says of it, and each thing that the device needs.
fn other_device(program: &LabProgram, device: &Device) -> Vec<Finding> {
    let name = &device.name;
    let used = describe(&program.clone().on(name, None)).and_then(|it| {
        usable(&it, name)
            .map(|device| format!("`--device {name}` is {}", device.detail))
            .map_err(|error| crate::chain::of(&error))
    });
    let needs = device.needs.iter().map(|need| Finding {
        name: format!("{name}.{}", need.name),
        ok: need.found,
        required: false,
        detail: need.detail.clone(),
        remedy: need.remedy.clone(),
    });
    let remedy =
        format!("what is absent below; campaigns without `--device {name}` need nothing of it");
    let used = finding(name, false, used, &remedy);
    std::iter::once(used).chain(needs).collect()
}
