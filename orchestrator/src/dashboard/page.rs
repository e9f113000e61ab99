//! The page, as it is in the binary.

/// One file of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Its address.
    pub(super) path: &'static str,
    /// Its type.
    pub(super) media_type: &'static str,
    /// It.
    pub(super) content: &'static str,
}

macro_rules! asset {
    ($path:literal, $media_type:literal, $file:literal) => {
        Asset {
            path: $path,
            media_type: concat!($media_type, "; charset=utf-8"),
            content: include_str!(concat!("page/", $file)),
        }
    };
}

/// All of it.
pub(super) const ASSETS: [Asset; 8] = [
    asset!("/", "text/html", "index.html"),
    asset!("/style.css", "text/css", "style.css"),
    asset!("/app.js", "text/javascript", "app.js"),
    asset!("/dom.js", "text/javascript", "dom.js"),
    asset!("/board.js", "text/javascript", "board.js"),
    asset!("/leaderboard.js", "text/javascript", "leaderboard.js"),
    asset!("/activity.js", "text/javascript", "activity.js"),
    asset!("/files.js", "text/javascript", "files.js"),
];
