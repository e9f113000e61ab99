//! What is answered at which address. All of it is read-only.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::files::{FileError, Files, Found};
use super::guard::{Guard, guard};
use super::text::{harmless, harmless_document};
use super::view::{SCHEMA, View, ViewError, agent_id};
use super::{page, stream};
use crate::chain;
use crate::driver::now_ms;

/// What pages made of a campaign's files may do: nothing.
const FILE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// Bytes of a text file, all of it, where only the beginning is shown.
const OF_BYTES: &str = "x-alphalab-of-bytes";

/// What all answers are made from.
#[derive(Debug)]
pub(super) struct App {
    pub(super) view: Mutex<View>,
    pub(super) files: Files,
    /// Says when the server ends.
    pub(super) stop: watch::Receiver<bool>,
}

impl App {
    /// Looks at the campaign on a thread that may wait for the disk; else, why
    /// it can't be seen.
    pub(super) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&mut View) -> Result<T, ViewError> + Send + 'static,
    ) -> Result<T, String> {
        let app = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            // What is in it is put in its place only once it is whole.
            look(&mut app.view.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match work.await {
            Ok(seen) => seen.map_err(|error| harmless(&chain::of(&error))),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The addresses.
pub(super) fn router(app: Arc<App>, guarding: Guard) -> Router {
    let mut router = Router::new()
        .route("/api/state", get(state))
        .route("/api/events", get(events))
        .route("/api/agents/{agent}", get(agent))
        .route("/api/files", get(files))
        .route("/api/files/", get(files))
        .route("/api/files/{*path}", get(files));
    for asset in page::ASSETS {
        let answer = ([(header::CONTENT_TYPE, asset.media_type)], asset.content);
        router = router.route(asset.path, get(move || async move { answer }));
    }
    router
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here") })
        .layer(middleware::from_fn_with_state(guarding, guard))
        .with_state(app)
}

async fn state(State(app): State<Arc<App>>) -> Response {
    answer(app.look(|view| view.document(now_ms())).await)
}

async fn agent(
    State(app): State<Arc<App>>,
    Path(agent): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let before = match number(query.as_deref(), "before") {
        Ok(before) => before.unwrap_or(u64::MAX),
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let Some(id) = agent_id(&agent) else {
        return problem(StatusCode::BAD_REQUEST, "agents have numbers, as in 3");
    };
    match app.look(move |view| view.conversation(id, before)).await {
        Ok(Some(found)) => document(StatusCode::OK, found),
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no such agent"),
        Err(why) => problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

async fn events(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").map(|value| {
        value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    });
    let from = match (last, number(query.as_deref(), "from")) {
        // A browser that was cut off says where.
        (Some(Some(last)), _) => last.saturating_add(1),
        (Some(None), _) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "Last-Event-ID must be the number of an event",
            );
        }
        (None, Ok(from)) => from.unwrap_or(1),
        (None, Err(why)) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    stream::follow(app, from).into_response()
}

async fn files(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/api/files").unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path).to_owned();
    let look = tokio::task::spawn_blocking(move || app.files.look(&path));
    let found = match look.await {
        Ok(found) => found,
        Err(error) => return problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let mut response = match found {
        Ok(Found::Folder(listing)) => document(StatusCode::OK, listing),
        Ok(Found::Text { text, bytes, cut }) => {
            let mut response = text.into_response();
            if cut {
                let headers = response.headers_mut();
                headers.insert(OF_BYTES, HeaderValue::from(bytes));
            }
            response
        }
        Ok(Found::Picture { media_type, bytes }) => {
            ([(header::CONTENT_TYPE, media_type)], bytes).into_response()
        }
        Err(error) => {
            let status = match error {
                FileError::NoPath => StatusCode::BAD_REQUEST,
                FileError::Absent(_) => StatusCode::NOT_FOUND,
                FileError::Log => StatusCode::FORBIDDEN,
                FileError::Unknown(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                FileError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                FileError::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            problem(status, &error.to_string())
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, FILE_POLICY);
    response
}

fn answer(found: Result<Value, String>) -> Response {
    match found {
        Ok(found) => document(StatusCode::OK, found),
        Err(why) => problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

fn problem(status: StatusCode, why: &str) -> Response {
    document(status, json!({ "schema": SCHEMA, "error": why }))
}

fn document(status: StatusCode, mut document: Value) -> Response {
    harmless_document(&mut document);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, document.to_string()).into_response()
}

/// A number in a query, if it is there.
fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, String> {
    let mut pairs = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(found, _)| *found == name) else {
        return Ok(None);
    };
    value
        .parse()
        .map(Some)
        .map_err(|_| format!("`{name}` must be the number of an event"))
}
