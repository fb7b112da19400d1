//! A request's parameters: from its query, behind its path, or among its headers, in that order.

use http::HeaderMap;

/// Parameters by name. Of several with one name the first counts.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a> {
    given: Vec<(String, String)>,
    headers: Option<&'a HeaderMap>,
}

/// Most parameters that are read: no operation knows more than a handful.
const MOST: usize = 64;

impl<'a> Parameters<'a> {
    /// Reads both texts as `application/x-www-form-urlencoded`, which every text is.
    pub(crate) fn read(query: &str, behind_path: &str, headers: &'a HeaderMap) -> Self {
        let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        let mut given = if query.is_empty() { Vec::new() } else { pairs(query) };
        if !behind_path.is_empty() {
            given.extend(pairs(behind_path));
        }
        given.truncate(MOST);
        Self { given, headers: Some(headers) }
    }

    /// The value of a parameter. Headers count for those that HTTP itself gives no meaning: see [`header`].
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let given = self.given.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str());
        given.or_else(|| header(self.headers?, name))
    }
}

/// `from` is a mail address in HTTP (RFC 9110, section 10.1.2), so it counts only where it is a number.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    (name != "from" || value.parse::<i128>().is_ok()).then_some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_query_comes_first_then_the_path_then_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("target", HeaderValue::from_static("header"));
        headers.insert("to", HeaderValue::from_static("9"));
        headers.insert("from", HeaderValue::from_static("somebody@example.org"));
        let read = Parameters::read("a=1&target=query&a=2&b=%20x+y", "target=path&c=3", &headers);
        let get = |name| read.get(name);
        assert_eq!((get("a"), get("target"), get("b")), (Some("1"), Some("query"), Some(" x y")));
        assert_eq!((get("c"), get("to"), get("from"), get("none")), (Some("3"), Some("9"), None, None));
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(query in ".*", path in ".*", name in ".*") {
            let headers = HeaderMap::new();
            let read = Parameters::read(&query, &path, &headers);
            prop_assert!(read.given.len() <= MOST);
            let _ = read.get(&name);
        }

        #[test]
        fn what_was_written_is_read(value in ".*") {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", &value).finish();
            let headers = HeaderMap::new();
            let read = Parameters::read(&query, "", &headers);
            prop_assert_eq!(read.get("target"), Some(value.as_str()));
        }
    }
}
