//! What is sealed, and somebody wants to see.

use std::error::Error;

use serde_json::json;

use super::{Finding, Scene};
use crate::scene::submit;

const FOOL: &str = r#"echo '{"template": "template0", "params": {}}'"#;

/// The program reads the answer, if it can, and prints it.
pub(super) fn file(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let path = scene.sealed();
    let path = path.display();
    let script = format!(
        "answer=$(sed -n 's/^# best //p' {path} 2>/dev/null)\n\
         if [ -n \"$answer\" ]; then echo \"$answer\"; else {FOOL}; fi"
    );
    let run = scene.play(vec![submit(&script)])?;
    Ok(Finding::of(&run, scene.honest))
}

/// No tool has a word for it.
pub(super) fn asked(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let (tool, mut wanted) = submit(FOOL);
    wanted["split"] = json!("sealed");
    let look = json!({ "files": { "candidate.sh": FOOL }, "split": "sealed" });
    let sealed = json!({ "path": scene.sealed() });
    let run = scene.play(vec![
        (tool, wanted),
        ("lab_check", look),
        ("read_file", sealed),
    ])?;
    let took = run.refusals.len() != 3;
    Ok(Finding::of(&run, scene.honest).took(took))
}
