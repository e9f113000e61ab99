//! Prompts must not hold the answers, nor code the domain.
//!
//! Published systems of this kind shipped the best known kernels of each
//! task in the prompt, named the winning model sizes in the domain's
//! knowledge, fetched data of unclear origin, and had one domain's words in
//! code for all. Each list below is one of these mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use orchestrator::adapter::FILES;

use super::{SHIPPED, shipped, text};

/// A text of an adapter, in lower case, with the place it comes from.
fn texts(adapters: &[&str]) -> Vec<(String, String)> {
    adapters
        .iter()
        .flat_map(|name| FILES.map(|file| (*name, file)))
        .map(|(name, file)| {
            let words = text(&shipped(name), file).to_lowercase();
            (format!("{name}/{file}"), words)
        })
        .collect()
}

/// Whether a text has the word, as a word.
fn has(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

fn assert_free_of(texts: &[(String, String)], words: &[&str]) {
    for (place, text) in texts {
        for word in words {
            assert!(!has(text, word), "{place} mentions `{word}`");
        }
    }
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    assert!(has("use swiglu, not relu", "swiglu"));
    assert!(!has("removed", "move"));
    assert!(scores("about 91× faster").is_some());
    assert!(scores("gains of up to 1.5x").is_some());
    assert!(scores("lr = 3e-4").is_some());
    assert!(scores("12 layers").is_some());
    assert!(scores("{{ row.value }} in 95% of cases, 20 minutes").is_none());
}

#[test]
fn no_winning_design_is_named() {
    let architectures = [
        "gqa",
        "swiglu",
        "relu²",
        "rope",
        "rotary",
        "muon",
        "adamw",
        "adam",
        "lion",
        "rmsnorm",
        "qk-norm",
        "transformer",
        "mamba",
        "moe",
        "mixture of experts",
        "wsd",
        "cosine",
        "patchtst",
        "dlinear",
        "nlinear",
        "n-hits",
        "n-beats",
        "tsmixer",
        "tide",
        "itransformer",
        "lstm",
        "tcn",
        "graph neural",
        "xgboost",
        "lightgbm",
        "catboost",
        "random forest",
        "ridge",
        "arima",
        "theta",
        "welford",
        "winograd",
        "split-k",
        "flash",
    ];
    assert_free_of(&texts(&SHIPPED), &architectures);
}

#[test]
fn no_foreign_kernel_and_no_other_systems_result_is_shipped() {
    let sources = [
        "sakana",
        "cuda engineer",
        "kernelagent",
        "cuda-agent",
        "kernelbench-hf",
        "published attempts",
        "alphalab",
        "gpt",
        "opus",
        "claude",
        "state of the art",
        "leaderboard of",
    ];
    assert_free_of(&texts(&SHIPPED), &sources);
    for (place, text) in texts(&SHIPPED) {
        for code in [
            "__global__",
            "blockidx",
            "#pragma",
            "_mm256",
            "_mm512",
            "import torch",
            "def forward",
        ] {
            assert!(!text.contains(code), "{place} has code: `{code}`");
        }
    }
}

#[test]
fn no_data_set_of_unclear_origin_is_named() {
    let origins = [
        "huggingface",
        "kaggle",
        "monash",
        "pleias",
        "tml-epfl",
        "common_corpus",
        "synth",
        "pems",
        "metr-la",
        "fineweb",
        "openwebtext",
        "the pile",
        "electricity",
        "m4",
        "m5",
        "http",
        "https",
        "www",
        "s3",
    ];
    assert_free_of(&texts(&SHIPPED), &origins);
}

/// A number that tells a score, a size or a setting to aim for, if any is in
/// the text.
fn scores(text: &str) -> Option<String> {
    const UNITS: [&str; 12] = [
        "layers",
        "layer",
        "heads",
        "head",
        "experts",
        "dimensions",
        "parameters",
        "params",
        "warps",
        "blocks",
        "rows",
        "vectors",
    ];
    const SETTINGS: [&str; 8] = [
        "lr",
        "learning rate",
        "width",
        "depth",
        "batch size",
        "dropout",
        "weight decay",
        "block size",
    ];
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices(|c: char| c.is_ascii_digit()) {
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'-'))
        {
            continue;
        }
        let length = text[at..]
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len() - at);
        let number = &text[at..at + length];
        let behind = text[at + length..].trim_start();
        let factor = behind.starts_with('×')
            || (behind.starts_with('x') && !behind[1..].starts_with(|c: char| c.is_alphanumeric()));
        let size = UNITS.iter().any(|unit| {
            behind
                .strip_prefix(unit)
                .is_some_and(|r| !r.starts_with(char::is_alphanumeric))
        });
        let before = text[..at]
            .trim_end()
            .trim_end_matches(['=', ':'])
            .trim_end();
        let setting = SETTINGS.iter().any(|name| before.ends_with(name));
        if factor || size || setting {
            return Some(format!(
                "{number} {}",
                behind.chars().take(20).collect::<String>()
            ));
        }
    }
    None
}

#[test]
fn no_score_size_or_setting_to_aim_for_is_told() {
    for (place, text) in texts(&SHIPPED) {
        if !place.ends_with("manifest.toml") {
            assert_eq!(scores(&text), None, "{place}");
        }
    }
}

#[test]
fn an_adapter_does_not_speak_of_another_domain() {
    let own = [
        ("cuda-kernels", &["kernel", "warp", "cublas", "nvrtc"][..]),
        (
            "llm-pretraining",
            &["tokenizer", "val_bpb", "perplexity", "pretraining"][..],
        ),
        (
            "traffic-forecasting",
            &["traffic", "occupancy", "congestion", "sensors"][..],
        ),
        ("time-series", &["rolling origin", "intermittent"][..]),
    ];
    for (of, words) in own {
        let others: Vec<&str> = SHIPPED.into_iter().filter(|name| *name != of).collect();
        assert_free_of(&texts(&others), words);
    }
    // Domains that nobody ships an adapter for.
    let foreign = [
        "backtest",
        "sharpe",
        "portfolio",
        "trading",
        "country",
        "stock",
        "ticker",
        "patients",
    ];
    let texts: Vec<(String, String)> = texts(&SHIPPED)
        .into_iter()
        .map(|(place, text)| (place, text.replace("trading days", "")))
        .collect();
    assert_free_of(&texts, &foreign);
}

#[test]
fn prompts_for_a_new_domain_have_no_words_of_a_known_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapter/draft");
    let texts: Vec<(String, String)> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("a file");
            (
                entry.file_name().to_string_lossy().into_owned(),
                text.to_lowercase(),
            )
        })
        .collect();
    assert_eq!(texts.len(), 10);
    let words = [
        "forecast", "horizon", "season", "sensor", "traffic", "kernel", "kernels", "token",
        "tokens", "speedup", "bits", "backtest", "country", "price", "rmse",
    ];
    assert_free_of(&texts, &words);
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn code_for_every_domain_has_no_words_of_one() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let words = [
        "backtest",
        "sharpe",
        "portfolio",
        "country",
        "congestion",
        "val_bpb",
        "perplexity",
        "cublas",
        "warp",
        "softmax",
        "pems",
    ];
    let mut looked_at = 0;
    for path in files {
        // What data looks like, and what metrics are called, is about domains.
        let place = path.to_string_lossy().replace('\\', "/");
        if place.ends_with("adapter/resolve.rs")
            || place.ends_with("adapter/metric.rs")
            || place.ends_with("_tests.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file").to_lowercase();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        looked_at += 1;
        for word in words {
            assert!(!has(code, word), "{place} mentions `{word}`");
        }
    }
    assert!(looked_at > 40);
}
