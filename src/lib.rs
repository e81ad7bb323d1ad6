//! lowcode
