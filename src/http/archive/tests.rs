//! A replay of archives of many makes.
