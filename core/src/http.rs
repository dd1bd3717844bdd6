//! Request, Response and Headers, shaped as the Fetch standard shapes them, with whole bodies.

use url::Url;

use crate::error::{Error, Result};
use crate::value::{Value, ValueMap};

/// A list of header fields; names are kept in lower case, as the Fetch standard compares them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The values of `name`, joined by `", "` as the Fetch standard does.
    pub fn get(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let mut values = self.0.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        let first = values.next()?;
        Some(values.fold(first.to_owned(), |all, value| all + ", " + value))
    }

    /// Whether there is a field `name`.
    pub fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.0.iter().any(|(n, _)| *n == name)
    }

    /// Replaces every field `name` by one.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the name is no HTTP token or the value has a line break or NUL.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let (name, value) = check(name, value)?;
        let place = self.0.iter().position(|(n, _)| *n == name);
        self.0.retain(|(n, _)| *n != name);
        let place = place.unwrap_or(self.0.len()).min(self.0.len());
        self.0.insert(place, (name, value));
        Ok(())
    }

    /// Adds a field beside those of the same name.
    ///
    /// # Errors
    /// As [`Headers::set`].
    pub fn append(&mut self, name: &str, value: &str) -> Result<()> {
        self.0.push(check(name, value)?);
        Ok(())
    }

    /// Removes every field `name`.
    pub fn delete(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        self.0.retain(|(n, _)| *n != name);
    }

    /// Bytes of its names and values.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The fields as a list of pairs of names and values.
    pub fn to_value(&self) -> Value {
        let pair = |(name, value): (&str, &str)| Value::List(vec![name.into(), value.into()]);
        Value::List(self.iter().map(pair).collect())
    }

    /// Reads headers from such a list, or from a map; null has none.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for wrong types and values.
    pub fn from_value(value: &Value) -> Result<Headers> {
        let mut headers = Headers::new();
        match value {
            Value::Null | Value::Undefined => {}
            Value::Map(map) => {
                for (name, value) in map.iter() {
                    headers.append(name, value.as_str().ok_or_else(not_headers)?)?;
                }
            }
            Value::List(pairs) => {
                for pair in pairs {
                    let [name, value] = pair.as_list().ok_or_else(not_headers)? else {
                        return Err(not_headers());
                    };
                    let (name, value) = (name.as_str(), value.as_str());
                    headers
                        .append(name.ok_or_else(not_headers)?, value.ok_or_else(not_headers)?)?;
                }
            }
            _ => return Err(not_headers()),
        }
        Ok(headers)
    }

    /// The fields in order of insertion, names in lower case.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

/// Refuses what HTTP can't carry; the value loses blanks at its ends.
fn check(name: &str, value: &str) -> Result<(String, String)> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Error::type_error(format!("Invalid header name: {name:?}.")));
    }
    let value = value.trim_matches([' ', '\t', '\r', '\n']);
    if value.bytes().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
        return Err(Error::type_error(format!("Invalid value of header {name}: {value:?}.")));
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

fn not_headers() -> Error {
    Error::type_error("Headers must be a map or a list of pairs of names and values.")
}

fn body_from_value(value: &Value) -> Result<Option<Vec<u8>>> {
    match value {
        Value::Null | Value::Undefined => Ok(None),
        Value::String(text) => Ok(Some(text.clone().into_bytes())),
        Value::Bytes(bytes) | Value::View(_, bytes) => Ok(Some(bytes.clone())),
        other => {
            let message = format!("A body must be text, bytes or null, got {}.", other.type_name());
            Err(Error::type_error(message))
        }
    }
}

/// A request: method, absolute URL, headers and a whole body.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    method: String,
    url: String,
    /// The header fields.
    pub headers: Headers,
    /// The body; `None` where there is none, which differs from an empty one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Bytes of its method, URL, headers and body.
    pub(crate) fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Vec::len);
        self.method.len() + self.url.len() + self.headers.size() + body
    }

    /// Makes a request; the URL is parsed, normalised and loses its fragment.
    ///
    /// Standard methods are upper-cased, as Fetch does.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the URL isn't absolute or the method is no HTTP token.
    pub fn new(method: &str, url: &str) -> Result<Request> {
        let (method, mut url) = Request::line(method, url)?;
        url.set_fragment(None);
        Ok(Request { method, url: url.into(), headers: Headers::new(), body: None })
    }

    /// The method and the URL, normalised: with its fragment, which a guest sees but nobody is sent.
    pub(crate) fn line(method: &str, url: &str) -> Result<(String, Url)> {
        let parsed =
            Url::parse(url).map_err(|_| Error::type_error(format!("Invalid URL: {url}")))?;
        let upper = method.to_ascii_uppercase();
        let standard = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
        let method = if standard.contains(&upper.as_str()) { upper } else { method.to_owned() };
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(Error::type_error(format!("Invalid HTTP method string: {method}")));
        }
        Ok((method, parsed))
    }

    /// A GET request.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn get(url: &str) -> Result<Request> {
        Request::new("GET", url)
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The absolute URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The request as a map: method, url, headers (a list of pairs) and body (bytes or null).
    pub fn to_value(&self) -> Value {
        Value::Map(ValueMap::from_iter([
            ("method", Value::from(self.method.as_str())),
            ("url", self.url.as_str().into()),
            ("headers", self.headers.to_value()),
            ("body", self.body.clone().into()),
        ]))
    }

    /// Reads a request from such a map; headers may be a map, the body may be text.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for wrong types and values.
    pub fn from_value(value: &Value) -> Result<Request> {
        let get = |key| value.as_map().and_then(|map| map.get(key)).unwrap_or(&Value::Null);
        let url = get("url").as_str().ok_or_else(|| Error::type_error("A request needs a url."))?;
        let mut request = Request::new(get("method").as_str().unwrap_or("GET"), url)?;
        request.headers = Headers::from_value(get("headers"))?;
        request.body = body_from_value(get("body"))?;
        Ok(request)
    }

    /// The same request with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }
}

/// A response: status, headers and a whole body.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    status: u16,
    status_text: String,
    /// The header fields.
    pub headers: Headers,
    /// The body; `None` where there is none.
    pub body: Option<Vec<u8>>,
}

impl Response {
    /// Bytes of its headers and body.
    pub(crate) fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Vec::len);
        self.status_text.len() + self.headers.size() + body
    }

    /// Makes a response without headers or body.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `RangeError`) if the status is outside 200 to 599.
    pub fn new(status: u16) -> Result<Response> {
        if !(200..=599).contains(&status) {
            return Err(Error::named(
                crate::ErrorCode::InvalidArgument,
                "RangeError",
                format!(
                    "Responses may only be constructed with status codes in the range 200 to 599, got {status}."
                ),
            ));
        }
        let status_text = String::new();
        Ok(Response { status, status_text, headers: Headers::new(), body: None })
    }

    /// A response with status 200 and a text body.
    pub fn text(body: impl Into<String>) -> Response {
        let mut headers = Headers::new();
        headers.0.push(("content-type".into(), "text/plain;charset=UTF-8".into()));
        let body = Some(body.into().into_bytes());
        Response { status: 200, status_text: String::new(), headers, body }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What whoever has answered says about the status; empty in most cases.
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// The same response with this said about its status.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what HTTP can't carry: other than visible characters of Latin-1, blanks and tabs.
    pub fn with_status_text(mut self, text: impl Into<String>) -> Result<Response> {
        self.status_text = text.into();
        match self.status_text.chars().all(|c| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
        {
            true => Ok(self),
            false => Err(Error::type_error("Invalid statusText")),
        }
    }

    /// Whether the status is in the range 200 to 299.
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response as a map: status, headers (a list of pairs), body (bytes or null), and statusText if there is any.
    pub fn to_value(&self) -> Value {
        let mut map = ValueMap::from_iter([
            ("status", Value::Int(self.status.into())),
            ("headers", self.headers.to_value()),
            ("body", self.body.clone().into()),
        ]);
        if !self.status_text.is_empty() {
            map.insert("statusText", self.status_text.as_str());
        }
        Value::Map(map)
    }

    /// Reads a response from such a map, or from text.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for unknown keys, wrong types and values.
    pub fn from_value(value: &Value) -> Result<Response> {
        if let Value::String(text) = value {
            return Ok(Response::text(text.as_str()));
        }
        let map = value.as_map().ok_or_else(|| {
            Error::type_error(format!(
                "A response must be a map or text, got {}.",
                value.type_name()
            ))
        })?;
        const KEYS: [&str; 4] = ["status", "statusText", "headers", "body"];
        if let Some((key, _)) = map.iter().find(|(key, _)| !KEYS.contains(key)) {
            let message =
                format!("A response has no '{key}', only status, statusText, headers and body.");
            return Err(Error::type_error(message));
        }
        let get = |key| map.get(key).unwrap_or(&Value::Null);
        let status = match get("status") {
            Value::Null | Value::Undefined => 200,
            status => status.as_i64().and_then(|n| u16::try_from(n).ok()).unwrap_or(0),
        };
        let text = get("statusText").as_str().unwrap_or_default();
        let mut response = Response::new(status)?.with_status_text(text)?;
        response.headers = Headers::from_value(get("headers"))?;
        response.body = body_from_value(get("body"))?;
        Ok(response)
    }

    /// The body as text; invalid UTF-8 is replaced, as Fetch's decoder does.
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_join_and_ignore_case() {
        let mut headers = Headers::new();
        headers.append("X-List", "a").unwrap();
        headers.append("x-list", " b ").unwrap();
        assert_eq!(headers.get("X-LIST").as_deref(), Some("a, b"));
        headers.set("x-list", "c").unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("x-list", "c")]);
        assert!(headers.set("bad name", "x").is_err());
        assert!(headers.set("x", "a\r\nb: c").is_err());
    }

    #[test]
    fn requests_normalise_url_and_method() {
        let request = Request::new("post", "http://App:80/a%20b?q=1#frag").unwrap();
        assert_eq!((request.method(), request.url()), ("POST", "http://app/a%20b?q=1"));
        assert!(Request::get("/relative").is_err());
        assert!(Request::new("a b", "http://app/").is_err());
    }

    #[test]
    fn statuses_outside_the_range_are_refused() {
        assert!(Response::new(199).is_err());
        assert!(Response::new(600).is_err());
        assert_eq!(Response::new(204).unwrap().status(), 204);
    }

    #[test]
    fn what_is_said_about_a_status_crosses_if_http_can_carry_it() {
        let response = Response::new(404).unwrap();
        assert!(response.to_value().as_map().unwrap().get("statusText").is_none());
        let said = response.clone().with_status_text("Kein Zutritt, auch für Sie").unwrap();
        assert_eq!(Response::from_value(&said.to_value()).unwrap(), said);
        let other = Value::Map(ValueMap::from_iter([("text", Value::from("a page"))]));
        let error = Response::from_value(&other).unwrap_err();
        assert!(error.message().starts_with("A response has no 'text'"), "{error:?}");
        for text in ["a\nb", "日"] {
            assert!(response.clone().with_status_text(text).is_err());
        }
    }
}
