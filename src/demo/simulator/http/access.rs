//! Who a request comes from and what Trino would refuse before looking at it: forwarded headers,
//! credentials over plain http, missing users. It grants nothing by itself.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;

use super::reply::{Reply, text, unauthorized};
use crate::demo::simulator::config::{Access, Authentication};

/// Refuses forwarded headers unless the server processes them (406, as Trino since 451).
///
/// # Errors
/// The answer to give instead.
pub fn check_forwarded(headers: &HeaderMap, access: &Access) -> Result<(), Box<Reply>> {
    let forwarded = headers
        .keys()
        .find(|name| name.as_str().starts_with("x-forwarded-"));
    match forwarded {
        Some(name) if !access.process_forwarded => Err(Box::new(text(
            StatusCode::NOT_ACCEPTABLE,
            &format!("Server configuration does not allow processing of the {name} header"),
        ))),
        _ => Ok(()),
    }
}

/// The user of a request, `None` when it names none.
///
/// # Errors
/// The 401 or 403 that Trino gives for these credentials.
pub fn user(headers: &HeaderMap, access: &Access) -> Result<Option<String>, Box<Reply>> {
    let secure = access.process_forwarded
        && headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto == "https");
    match &access.authentication {
        Authentication::Insecure => insecure_user(headers),
        _ if !secure => Err(Box::new(text(
            StatusCode::FORBIDDEN,
            "Authentication over HTTP is not enabled",
        ))),
        Authentication::Password { user, password } => {
            let ok = basic(headers).is_some_and(|(u, p)| u == *user && p == *password);
            if ok {
                Ok(Some(user.clone()))
            } else {
                Err(Box::new(unauthorized("Invalid credentials")))
            }
        }
        Authentication::Token { user, token } => {
            let ok = credentials(headers, "Bearer ").is_some_and(|given| given == *token);
            if ok {
                Ok(Some(user.clone()))
            } else {
                Err(Box::new(unauthorized("Invalid credentials")))
            }
        }
    }
}

/// The user of a request to a resource that needs one.
///
/// # Errors
/// 401 when none is named, or what [`user`] refuses with.
pub fn required_user(headers: &HeaderMap, access: &Access) -> Result<String, Box<Reply>> {
    check_forwarded(headers, access)?;
    user(headers, access)?.ok_or_else(|| {
        Box::new(unauthorized(
            "Basic authentication or X-Trino-User must be sent",
        ))
    })
}

fn insecure_user(headers: &HeaderMap) -> Result<Option<String>, Box<Reply>> {
    if credentials(headers, "Bearer ").is_some() {
        return Err(Box::new(unauthorized(
            "Bearer authentication is not enabled",
        )));
    }
    if let Some((user, password)) = basic(headers) {
        if password.is_empty() {
            return Ok(Some(user));
        }
        return Err(Box::new(text(
            StatusCode::FORBIDDEN,
            "Password not allowed for insecure authentication",
        )));
    }
    let named = headers
        .get("x-trino-user")
        .and_then(|value| value.to_str().ok());
    Ok(named
        .map(str::trim)
        .filter(|user| !user.is_empty())
        .map(str::to_owned))
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix(scheme)
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = credentials(headers, "Basic ")?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
}
