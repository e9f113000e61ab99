//! The surroundings in which tests start the lab.

use sandbox::Policy;

/// Variables that a lab finds its tools and folders by, as they are here.
pub(crate) fn of_labs() -> Policy {
    let names = [
        "PATH",
        "HOME",
        "ALPHALAB_VENV",
        "ALPHALAB_BIN_DIR",
        "ALPHALAB_CACHE",
    ];
    let known = names
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    known.fold(Policy::trusted(), |policy, (name, value)| {
        policy.env(name, value)
    })
}
