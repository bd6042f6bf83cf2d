// The version of the program, in one place.

/// What `larder --version` says.
enum Version {
  static let current = "0.1.0"
}
