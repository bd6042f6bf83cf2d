// What the system answered when a wait or a socket could not be set up.

internal import CLibuv

/// A failed call of the operating system, with what was tried and on what.
public struct LoopError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The error number, as in `errno(3)`; never negative.
  public let code: Int32
  /// What was tried, with its object: `bind 127.0.0.1:80`.
  public let operation: String

  /// Takes `code` with either sign: libuv answers `-errno`.
  init(code: Int32, operation: String) {
    self.code = abs(code)
    self.operation = operation
  }

  /// The library's own words for the code (`uv_strerror`).
  public var text: String { unsafe Self.text { unsafe uv_strerror_r(-code, $0, $1) } }

  /// The name of the code, such as `EADDRINUSE` (`uv_err_name`).
  public var name: String { unsafe Self.text { unsafe uv_err_name_r(-code, $0, $1) } }

  public var description: String { "cannot \(operation): \(text) (\(name))" }

  private static func text(_ write: (UnsafeMutablePointer<CChar>, Int) -> UnsafeMutablePointer<CChar>?) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      _ = unsafe write(start, buffer.count)
      return unsafe String(cString: start)
    }
  }
}
