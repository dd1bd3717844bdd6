//! Nothing: that each package here depends on this one gives their dependencies the same features, so that core is compiled once for
//! tests, tools and every binding instead of once for each. Cargo would otherwise choose features for what each command builds.
