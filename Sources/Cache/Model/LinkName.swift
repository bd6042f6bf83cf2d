// What the path of a user's link says: the way back from names on the disk to identifiers.

/// Whose link it is and of which title, as its path has them.
public struct LinkName: Sendable, Hashable {
  public var user: UserID
  public var title: Title
  public var fileExtension: String

  /// Why a path names nothing.
  public enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The identifier was too long for a name; what was cut off nobody knows.
    case cut
    /// Larder does not make such names.
    case foreign

    public var description: String {
      switch self {
      case .cut: "the name was too long and is cut, so that nobody knows the whole of it"
      case .foreign: "larder does not make such names"
      }
    }
  }

  /// Reads the names of a folder below `downloads/users` and of a link in it.
  public init(folder: String, file: String) throws(Fault) {
    guard let dot = file.utf8.lastIndex(of: 0x2E), let bar = file[..<dot].utf8.lastIndex(of: 0x5F) else {
      throw .foreign
    }
    let content = try Self.identifier(folder)
    let contentID = try Self.identifier(String(file[..<bar]))
    guard let user = UserID(content),
      let title = try? Title(contentID: contentID, quality: String(file[file.utf8.index(after: bar)..<dot]))
    else { throw .foreign }
    fileExtension = String(file[file.utf8.index(after: dot)...])
    // As `StoredPath.fileExtension` makes them.
    guard StoredPath.fileExtension(ofKey: "x.\(fileExtension)") == fileExtension else { throw .foreign }
    self.user = user
    self.title = title
  }

  /// The identifier that ``StoredPath/component(_:digest:)`` made the name of.
  private static func identifier(_ name: String) throws(Fault) -> String {
    var bytes: [UInt8] = []
    var rest = name.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case 0x7E: throw .cut
      case 0x25:
        guard let high = hexDigit(rest.popFirst()), let low = hexDigit(rest.popFirst()) else { throw .foreign }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self),
      StoredPath.component(text, digest: { _ in "" }) == name
    else { throw .foreign }
    return text
  }

  private static func hexDigit(_ byte: UInt8?) -> UInt8? {
    switch byte {
    case .some(let digit) where (0x30...0x39).contains(digit): digit - 0x30
    case .some(let letter) where (0x41...0x46).contains(letter): letter - 0x41 + 10
    default: nil
    }
  }
}

extension StoredPath {
  /// The object that a name in `objects` is the file of, or the `.sums` of, or the `.sums.new` that a crash left; nil when
  /// larder makes no such names.
  public static func objectID(ofFile name: String) -> ObjectID? {
    let tail = [".sums", ".sums.new"].first { name.hasSuffix($0) } ?? ""
    let digits = name.dropLast(tail.count)
    guard let number = UInt64(digits, radix: 16), number != 0, ObjectID(number).hexadecimal == digits else {
      return nil
    }
    return ObjectID(number)
  }
}
