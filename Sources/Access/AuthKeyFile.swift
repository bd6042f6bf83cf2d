// The file of the token secret: read at start and on a reload, made once. Start-up code, so plain blocking calls.

internal import Glibc

/// Why a key file cannot be read or made.
public enum AuthKeyFileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A call of the system failed; `code` is its errno.
  case system(operation: String, path: String, code: Int32)
  /// It is a directory, a device or a pipe.
  case notRegular(path: String)
  /// It has more than ``AuthKeyFile/maximumByteCount`` bytes and so is something else than a key.
  case tooLong(path: String)
  /// What it holds is too short to be a key.
  case secret(path: String, TokenSecretError)

  public var description: String {
    switch self {
    case .system(let operation, let path, let code):
      "cannot \(operation) \(path): \(unsafe String(cString: strerror(code)))"
    case .notRegular(let path): "\(path) is not a regular file"
    case .tooLong(let path): "\(path) is longer than \(AuthKeyFile.maximumByteCount) bytes: is it the right file?"
    case .secret(let path, let error): "\(path): \(error)"
    }
  }
}

/// The key file: `auth.secret_file`, or `auth.key` in the data directory, made at the first start.
public enum AuthKeyFile {
  /// The longest file that is taken for a key, in bytes.
  public static let maximumByteCount = 65_536

  /// A secret and what there is to say about its file.
  public struct Loaded: Sendable {
    public let secret: TokenSecret
    /// Whether the file was made just now.
    public let isNew: Bool
    /// What the administrator should mend, to be logged: the file can be read or written by others.
    public let warnings: [String]
  }

  /// Reads the secret from a file.
  public static func load(_ path: String) throws(AuthKeyFileError) -> Loaded {
    try load(path, isNew: false)
  }

  /// Reads the secret from a file, and makes the file first when there is none: 64 hex digits of 32 random bytes and a
  /// newline, mode 0600.
  ///
  /// The file appears whole or not at all, is durable when this returns, and an existing one is never overwritten: it is
  /// written under another name, made durable and linked, and when two processes race, both use what the first one linked.
  public static func loadOrCreate(_ path: String) throws(AuthKeyFileError) -> Loaded {
    do {
      return try load(path)
    } catch .system(_, _, ENOENT) {
      let isNew = try create(path)
      return try load(path, isNew: isNew)
    }
  }

  private static func load(_ path: String, isNew: Bool) throws(AuthKeyFileError) -> Loaded {
    // Not blocking: a pipe without a writer would hold the start for ever.
    let file = try KeyFileDescriptor(path, flags: O_RDONLY | O_NONBLOCK)
    let status = try file.status()
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(path: path) }
    var warnings: [String] = []
    if status.st_mode & 0o077 != 0 {
      let mode = String(status.st_mode & 0o777, radix: 8)
      warnings.append("\(path) is open to other users (mode 0\(mode)): chmod 600 it")
    }
    let content = try file.read(upTo: maximumByteCount + 1)
    guard content.count <= maximumByteCount else { throw .tooLong(path: path) }
    do {
      return Loaded(secret: try TokenSecret(fileContent: content), isNew: isNew, warnings: warnings)
    } catch {
      throw .secret(path: path, error)
    }
  }

  /// Makes the file; false when another process made it meanwhile.
  static func create(_ path: String) throws(AuthKeyFileError) -> Bool {
    let digits = try randomBytes(32).flatMap { byte in
      [byte >> 4, byte & 15].map { Array("0123456789abcdef".utf8)[Int($0)] }
    }
    let suffix = try randomBytes(8).map { String($0, radix: 16) }.joined()
    let temporary = "\(path).\(suffix).new"
    let isFirst: Bool
    do {
      let file = try KeyFileDescriptor(temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      defer { unsafe unlink(temporary) }
      try file.write(digits + [0x0A])
      try file.synchronize()
      isFirst = unsafe link(temporary, path) == 0
      guard isFirst || errno == EEXIST else { throw .system(operation: "make", path: path, code: errno) }
    }
    // Also when another process was first: what is used must be durable, whoever made it.
    let directory = path.utf8.lastIndex(of: 0x2F).map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    try KeyFileDescriptor(directory, flags: O_RDONLY | O_DIRECTORY).synchronize()
    return isFirst
  }

  private static func randomBytes(_ count: Int) throws(AuthKeyFileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // As getrandom(2): whole or not at all, and it waits only while the system has not gathered any entropy yet.
    let result = unsafe bytes.withUnsafeMutableBytes { unsafe getentropy($0.baseAddress, $0.count) }
    guard result == 0 else { throw .system(operation: "take random bytes for", path: "the key", code: errno) }
    return bytes
  }
}
