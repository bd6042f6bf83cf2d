// Why a pretend transfer failed: the program's own kinds without curl.

/// Stands in for the program's own error, with the same face.
public struct CurlError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable, CaseIterable {
    case couldNotResolve, couldNotConnect, timedOut, stalled, tls, cut, tooLarge, cancelled, refusedByReceiver, other
  }

  public let kind: Kind
  public let code: Int32 = 0
  public let operation: String
  public let text: String

  public var description: String { "\(operation): \(text)" }

  public init(_ kind: Kind, operation: String, text: String) {
    self.kind = kind
    self.operation = operation
    self.text = text
  }
}
