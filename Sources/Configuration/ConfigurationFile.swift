// The bytes of the configuration file, or why there are none.

import Glibc

/// The largest file that is read: far more than a quota line for every user of a large house takes.
let largestConfigurationFile = 1 << 20

/// Reads a file of at most 1 MiB (`open`, `read`).
func readConfigurationFile(_ path: String) throws(ConfigurationErrors) -> [UInt8] {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw fileError(errno == ENOENT ? .missing : .unreadable(errno), path) }
  defer { close(descriptor) }
  // One byte more than there may be tells a file that is too large, whatever its size claims to be.
  var bytes = [UInt8](repeating: 0, count: largestConfigurationFile + 1)
  var count = 0
  while count < bytes.count {
    let got = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
    }
    if got == 0 { break }
    if got < 0, errno == EINTR { continue }
    guard got > 0 else { throw fileError(errno == EISDIR ? .directory : .unreadable(errno), path) }
    count += got
  }
  guard count <= largestConfigurationFile else { throw fileError(.tooLarge, path) }
  return Array(bytes[..<count])
}

/// A problem with the file itself, in words.
func fileError(_ problem: FileProblem, _ path: String) -> ConfigurationErrors {
  let (message, advice) =
    switch problem {
    case .missing: ("there is no such file", "name another with --config, or copy the one that came with Larder")
    case .directory: ("it is a directory", "name the file in it with --config")
    case .unreadable(let code):
      (
        "it cannot be read: \(unsafe String(cString: strerror(code)))",
        "let the user that runs Larder read it, or name another with --config"
      )
    case .tooLarge: ("it is larger than 1 MiB", "name the configuration file with --config")
    }
  return ConfigurationErrors(file: path, complaint: Complaint(.file(problem), message, advice: advice))
}
