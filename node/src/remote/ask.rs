//! One question after the other to one scheduler, wherever it sends us.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use slotbench_core::location::BaseUrl;
use tokio::time::Instant;

use super::origin::Origin;
use super::{RedirectError, Remote, RemoteError, Trail, trail};
use crate::client::{Answer, Call, ClientError};

/// Of another's words, how many bytes are repeated.
const QUOTED: usize = 300;

/// An operation's questions: they have one deadline, and one number of redirects.
pub(super) struct Asking<'a> {
    remote: &'a Remote,
    url: BaseUrl,
    /// Where it was asked, in order.
    asked: Vec<BaseUrl>,
    trail: Trail,
    deadline: Instant,
}

/// When the time of an operation is up.
pub(super) struct Deadline {
    at: Instant,
    url: BaseUrl,
    time: Duration,
}

impl Deadline {
    /// Does something, as far as there is time.
    pub(super) async fn bound<T>(self, work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
        let late = RemoteError::Late { url: self.url, time: self.time };
        tokio::time::timeout_at(self.at, work).await.unwrap_or(Err(late))
    }
}

impl<'a> Asking<'a> {
    pub(super) fn new(remote: &'a Remote, url: BaseUrl, trail: &Trail) -> Self {
        let deadline = Instant::now() + remote.options.operation_time;
        Self { remote, asked: vec![url.clone()], url, trail: trail.clone(), deadline }
    }

    /// Who is asked now.
    pub(super) const fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// When its time is up.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline { at: self.deadline, url: self.url.clone(), time: self.remote.options.operation_time }
    }

    pub(super) async fn get(&mut self, path: String) -> Result<Bytes, RemoteError> {
        self.ask(Call::get(path)).await
    }

    /// Asks, and follows redirects. What only reads is asked once more where that may help.
    pub(super) async fn ask(&mut self, call: Call) -> Result<Bytes, RemoteError> {
        loop {
            let answer = match self.once(&call).await {
                Err(error) if call.method == Method::GET && error.is_transient() => self.once(&call).await,
                answer => answer,
            }?;
            match answer.status {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    self.follow(&answer.headers, &call.path)
                        .map_err(|reason| RemoteError::Redirect { url: self.url.clone(), reason })?;
                }
                _ => return Ok(answer.body),
            }
        }
    }

    /// One call; a status that is neither 200 nor a redirect is an error.
    async fn once(&self, call: &Call) -> Result<Answer, RemoteError> {
        let time = self.remote.options.call_time;
        let late = || RemoteError::Late { url: self.url.clone(), time };
        // Boxed: it holds everything from the handshake to the body.
        let answer = tokio::time::timeout(time, Box::pin(self.send(call))).await.map_err(|_| late())??;
        match answer.status {
            StatusCode::OK | StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => Ok(answer),
            status => Err(RemoteError::Status { url: self.url.clone(), status, said: said(&answer.body) }),
        }
    }

    async fn send(&self, call: &Call) -> Result<Answer, RemoteError> {
        let (origin, prefix) = Origin::of(&self.url)?;
        let pool = self.remote.pools.client(&self.url, &origin).await?;
        let mut call = Call { path: format!("{prefix}{}", call.path), ..call.clone() };
        call.most = self.remote.options.answer_bytes;
        if let Some(via) = self.trail.header() {
            call.headers.insert(trail::VIA, via.clone());
        }
        // It was opened, or there would have been an error.
        let Some(client) = pool.get() else { return Err(self.unreachable("it was closed".into())) };
        let sent = client.send(call).await;
        if matches!(sent, Err(ClientError::Connect { .. })) {
            self.remote.pools.forget(&origin);
        }
        sent.map_err(|error| self.failed(error))
    }

    fn unreachable(&self, cause: Box<dyn std::error::Error + Send + Sync>) -> RemoteError {
        RemoteError::Unreachable { url: self.url.clone(), cause }
    }

    fn failed(&self, error: ClientError) -> RemoteError {
        let url = self.url.clone();
        match error {
            ClientError::TooLong(limit) => RemoteError::TooLong { url, limit },
            ClientError::Late { seconds, .. } => RemoteError::Late { url, time: Duration::from_secs(seconds) },
            error => self.unreachable(error.into()),
        }
    }

    /// Turns to where a redirect leads.
    fn follow(&mut self, headers: &HeaderMap, path: &str) -> Result<(), RedirectError> {
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let next = base(location.ok_or(RedirectError::Nowhere)?, path)?;
        if self.url.is_https() && !next.is_https() {
            return Err(RedirectError::Downgrade);
        }
        if self.asked.contains(&next) {
            return Err(RedirectError::Circle);
        }
        let most = self.remote.options.hops;
        if self.asked.len() > most {
            return Err(RedirectError::TooMany(most));
        }
        self.asked.push(next.clone());
        self.url = next;
        Ok(())
    }
}

/// The base URL in a redirect. It stands there alone, or, as legacy routers write it, with the path and query that were
/// asked for behind it.
fn base(location: &str, path: &str) -> Result<BaseUrl, RedirectError> {
    let without_query = path.split('?').next().unwrap_or(path);
    let text = location.strip_suffix(path).or_else(|| location.strip_suffix(without_query)).unwrap_or(location);
    text.parse().map_err(RedirectError::Location)
}

/// What an answer says: its member `error` where it is such an object, else its beginning.
fn said(body: &Bytes) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        error: String,
    }
    let text = match serde_json::from_slice(body) {
        Ok(Said { error }) => error,
        Err(_) => String::from_utf8_lossy(body.get(..QUOTED).unwrap_or(body)).into_owned(),
    };
    text.chars().take(QUOTED).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::RemoteOptions;

    fn location(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, value.parse().expect("a value"));
        headers
    }

    #[tokio::test]
    async fn c110_redirects_are_followed_up_to_the_limit_and_never_in_a_circle_nor_to_plain_http() {
        for most in [1, 5] {
            let remote = Remote::new(RemoteOptions { hops: most, ..RemoteOptions::default() });
            let start: BaseUrl = "http://su0".parse().expect("a url");
            let mut asking = Asking::new(&remote, start, &Trail::default());
            for hop in 1..=most {
                assert_eq!(asking.follow(&location(&format!("http://su{hop}/")), "/x/slot"), Ok(()), "{hop}");
                assert_eq!(asking.follow(&location("http://su0"), "/"), Err(RedirectError::Circle));
            }
            assert_eq!(asking.follow(&location("http://more"), "/"), Err(RedirectError::TooMany(most)));
        }
        let remote = Remote::new(RemoteOptions::default());
        let mut asking = Asking::new(&remote, "https://su".parse().expect("a url"), &Trail::default());
        assert_eq!(asking.follow(&location("http://other"), "/"), Err(RedirectError::Downgrade));
        assert_eq!(asking.follow(&HeaderMap::new(), "/"), Err(RedirectError::Nowhere));
        assert!(matches!(asking.follow(&location("/relative"), "/x"), Err(RedirectError::Location(_))));
        assert_eq!(asking.follow(&location("https://other"), "/"), Ok(()));
    }

    #[test]
    fn a_redirect_names_the_base_alone_or_with_the_path_behind_it() {
        for (location, path, expected) in [
            ("http://su", "/id/slot", "http://su"),
            ("http://su/", "/id/slot", "http://su"),
            ("http://su/id/slot", "/id/slot", "http://su"),
            ("http://su/base/id?process-id=x&limit=1", "/id?process-id=x&limit=1", "http://su/base"),
            ("http://su/id", "/id?process-id=x", "http://su"),
            ("http://su/elsewhere", "/id/slot", "http://su/elsewhere"),
        ] {
            assert_eq!(base(location, path).map(|url| url.to_string()), Ok(expected.to_owned()), "{location}");
        }
        assert!(base("http://su/?other=1", "/id").is_err());
    }

    #[test]
    fn what_others_say_is_cut_and_escaped() {
        assert_eq!(said(&Bytes::from_static(br#"{"error":"no such process","slot":1}"#)), "no such process");
        assert_eq!(said(&Bytes::from_static(b"\x1b[31mred")), "\\u{1b}[31mred");
        assert_eq!(said(&Bytes::from(vec![b'a'; 5000])).len(), QUOTED);
        assert_eq!(said(&Bytes::from(format!(r#"{{"error":"{}"}}"#, "b".repeat(5000)))).len(), QUOTED);
    }
}
