//! What sources say about their kernels' bugs.
//!
//! `// BUG:` and codes mark a line at which these may be found; a race may show
//! at either of two lines. `// WRONG` marks one that makes a result wrong, of
//! which nothing else tells.

use cuda_sim::Finding;

/// The marks of one kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Lines, and the codes of what may be found there.
    found: Vec<(u32, Vec<String>)>,
    /// Whether only its result tells.
    wrong: bool,
}

impl Marks {
    /// Whether the kernel is a right one.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && !self.wrong
    }

    /// Whether what was found, and whether the result is wrong, is what is
    /// marked.
    pub(crate) fn judge(&self, findings: &[Finding], wrong: bool) -> Result<(), String> {
        if let Some(finding) = findings.iter().find(|finding| !self.allow(finding)) {
            return Err(finding.to_string());
        }
        if findings.is_empty() && !self.found.is_empty() {
            return Err("nothing was found".to_owned());
        }
        if self.wrong && !wrong {
            return Err("its result is right".to_owned());
        }
        Ok(())
    }

    fn allow(&self, finding: &Finding) -> bool {
        let (_, line) = finding.source.as_ref().unwrap();
        let code = finding.problem.code();
        let mut marked = self.found.iter().filter(|(number, _)| number == line);
        marked.any(|(_, codes)| codes.iter().any(|known| known == code))
    }

    fn read(&mut self, line: &str, number: u32) {
        if let Some((_, codes)) = line.split_once("// BUG: ") {
            let codes = codes.split(", ").map(str::to_owned).collect();
            self.found.push((number, codes));
        }
        self.wrong |= line.ends_with("// WRONG");
    }
}

/// The kernels of a source. What is marked outside of kernels belongs to the
/// one behind it.
pub(crate) fn kernels(source: &str) -> Vec<(String, Marks)> {
    let mut kernels: Vec<(String, Marks)> = Vec::new();
    let mut pending = Marks::default();
    let mut inside = false;
    for (line, number) in source.lines().zip(1..) {
        if line.starts_with("extern \"C\" __global__ ") {
            let (_, rest) = line.split_once(" void ").unwrap();
            let rest = match rest.strip_prefix("__launch_bounds__") {
                Some(bounds) => bounds.split_once(") ").unwrap().1,
                None => rest,
            };
            let (name, _) = rest.split_once('(').unwrap();
            kernels.push((name.to_owned(), std::mem::take(&mut pending)));
            // A short body stands on the same line.
            inside = !line.ends_with(" }");
        }
        let marks = match kernels.last_mut() {
            Some((_, marks)) if inside => marks,
            _ => &mut pending,
        };
        marks.read(line, number);
        inside &= line != "}";
    }
    kernels
}
