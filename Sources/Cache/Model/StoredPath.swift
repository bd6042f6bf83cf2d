// Where things lie below `storage.path`. Identifiers come from strangers, so none may leave its folder.

/// Paths relative to `storage.path`, as contract and ledger name them.
public enum StoredPath {
  /// The object's own file; named by number, so that no key of the origin ever reaches the file system.
  public static func object(_ id: ObjectID) -> String { "objects/\(id.hexadecimal)" }

  /// What is known of a whole object, beside its file: for the day on which the ledger is lost.
  public static func sums(_ id: ObjectID) -> String { "\(object(id)).sums" }

  /// The folder of one user's links.
  public static func folder(of user: UserID, digest: (String) -> String) -> String {
    "downloads/users/\(component(user.text, digest: digest))"
  }

  /// The user's hard link to a finished object: `downloads/users/<user>/<content_id>_<quality>.<extension>`.
  public static func link(
    user: UserID, title: Title, fileExtension: String, digest: (String) -> String
  ) -> String {
    let content = component(title.contentID, digest: digest)
    return "\(folder(of: user, digest: digest))/\(content)_\(title.quality).\(fileExtension)"
  }

  /// Percent-encodes what is outside `A-Z a-z 0-9 . _ -`, and a leading dot; a result over 200 bytes is cut at 160
  /// (never inside `%XX`) and ends in `~` and 32 hex digits of `digest`, the SHA-256 of the raw identifier.
  public static func component(_ identifier: String, digest: (String) -> String) -> String {
    var encoded: [UInt8] = []
    for (index, byte) in identifier.utf8.enumerated() {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: encoded.append(byte)
      case 0x2E where index > 0: encoded.append(byte)
      default: encoded += [0x25, Self.hex[Int(byte >> 4)], Self.hex[Int(byte & 15)]]
      }
    }
    guard encoded.count > 200 else { return String(decoding: encoded, as: UTF8.self) }
    var cut = 160
    if encoded[cut - 1] == 0x25 { cut -= 1 } else if encoded[cut - 2] == 0x25 { cut -= 2 }
    return String(decoding: encoded[..<cut], as: UTF8.self) + "~" + digest(identifier).prefix(32)
  }

  /// The extension of an origin's key, `mp4` when it has none that is 1 to 16 letters and digits.
  public static func fileExtension(ofKey key: String) -> String {
    let name = key.utf8.split(separator: 0x2F, omittingEmptySubsequences: false).last ?? []
    guard let dot = name.lastIndex(of: 0x2E), dot != name.startIndex else { return "mp4" }
    let tail = name[name.index(after: dot)...]
    return isExtension(tail) ? String(decoding: tail, as: UTF8.self) : "mp4"
  }

  /// Whether bytes are 1 to 16 letters and digits: nothing else may end a link's name.
  static func isExtension(_ text: some Collection<UInt8>) -> Bool {
    (1...16).contains(text.count)
      && text.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
      }
  }

  private static let hex = Array("0123456789ABCDEF".utf8)
}
