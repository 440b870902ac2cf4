//! Other indexes over HTTP: their pages, their files, and METADATA by range requests.
