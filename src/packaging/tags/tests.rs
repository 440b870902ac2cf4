//! Tags against what PyPA's `packaging` says.
