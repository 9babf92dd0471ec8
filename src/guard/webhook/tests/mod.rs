//! The webhook's own routes as an API server meets them: reviews as bytes in; the answer, what was written and what was
//! counted out.

mod desk;
mod dry_run;
mod explain;
mod notebook;
mod refused;
