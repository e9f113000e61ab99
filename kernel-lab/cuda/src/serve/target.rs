//! Code that was compiled for another device.

/// What a loader says about code that is not the device's: machine code, and PTX that is for
/// newer ones.
const ABOUT_CODE: [&str; 4] = [
    "CUDA_ERROR_NO_BINARY_FOR_GPU",
    "CUDA_ERROR_INVALID_PTX",
    "CUDA_ERROR_INVALID_IMAGE",
    "CUDA_ERROR_INVALID_SOURCE",
];

/// What to do if it is that which a loader means by the error of this name: the code's GPU is
/// read from PTX, where the error alone does not tell.
pub(super) fn mismatch(image: &[u8], device: (u32, u32), error: &str) -> Option<String> {
    if !ABOUT_CODE.contains(&error) {
        return None;
    }
    let (major, minor) = device;
    let own = format!("the device is sm_{major}{minor}: compile for it (--arch sm_{major}{minor})");
    let Some(target) = target(image) else {
        let binary = error == "CUDA_ERROR_NO_BINARY_FOR_GPU";
        return binary.then(|| format!("the code is for another GPU, and {own}"));
    };
    let number: u32 = target.trim_end_matches(char::is_alphabetic).parse().ok()?;
    let same = number == 10 * major + minor;
    let fits = match target.chars().last() {
        // What is there on one capability only, or on one family.
        Some('a') => same,
        Some('f') => number / 10 == major && number % 10 <= minor,
        _ => number <= 10 * major + minor,
    };
    (!fits).then(|| format!("the code is for sm_{target}, and {own}"))
}

/// What PTX says it is for, without `sm_`.
fn target(image: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(image).ok()?;
    let (_, rest) = text.split_once(".target")?;
    let name = rest.trim_start().strip_prefix("sm_")?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric());
    Some(&name[..end.unwrap_or(name.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_another_gpu_is_told_from_code_that_is_wrong() {
        let ptx = |target: &str| format!(".version 8.3\n.target sm_{target}\n.entry f() {{}}");
        for (target, device, wrong) in [
            ("80", (8, 0), false),
            ("80", (9, 0), false),
            ("90", (8, 0), true),
            ("90a", (9, 0), false),
            ("90a", (10, 0), true),
            ("100f", (10, 3), false),
            ("100f", (12, 0), true),
            ("100", (10, 0), false),
        ] {
            let found = mismatch(ptx(target).as_bytes(), device, "CUDA_ERROR_INVALID_PTX");
            assert_eq!(found.is_some(), wrong, "{target} {device:?}: {found:?}");
        }
        let text = mismatch(ptx("90a").as_bytes(), (8, 6), "CUDA_ERROR_INVALID_PTX");
        assert_eq!(
            text.as_deref(),
            Some("the code is for sm_90a, and the device is sm_86: compile for it (--arch sm_86)")
        );
    }

    #[test]
    fn machine_code_is_of_another_gpu_if_the_loader_says_so() {
        let elf = [0x7f, b'E', b'L', b'F', 0xff];
        assert!(mismatch(&elf, (8, 0), "CUDA_ERROR_NO_BINARY_FOR_GPU").is_some());
        assert_eq!(mismatch(&elf, (8, 0), "CUDA_ERROR_INVALID_IMAGE"), None);
        assert_eq!(mismatch(&elf, (8, 0), "CUDA_ERROR_OUT_OF_MEMORY"), None);
    }
}
