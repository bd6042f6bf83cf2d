// What texts must be beyond being texts, and the two settings that hold several values.

/// A text of so many bytes without control characters: nothing that a header, a key or a path could trip over.
func checkText(_ text: String, _ bytes: ClosedRange<Int>) throws(Complaint) {
  if let control = text.unicodeScalars.first(where: { $0.properties.generalCategory == .control }) {
    throw Complaint(
      .invalidValue, "the text holds the control character \(tomlString(String(control)))", advice: "take it out")
  }
  guard bytes.contains(text.utf8.count) else {
    throw Complaint(
      .invalidValue, text.isEmpty ? "the text is empty" : "the text has \(text.utf8.count) bytes",
      advice: "write \(bytes.lowerBound) to \(bytes.upperBound) bytes")
  }
}

/// An absolute path that the system takes; `limit` is the longest, in bytes.
func checkPath(_ path: String, mayBeEmpty: Bool, limit: Int = 4095) throws(Complaint) {
  if path.isEmpty, mayBeEmpty { return }
  // By bytes: what follows may combine with the slash into one `Character`.
  guard path.utf8.first == UInt8(ascii: "/") else {
    throw Complaint(
      .invalidValue, path.isEmpty ? "the path is empty" : "the path \(quoted(path)) is relative",
      advice: mayBeEmpty ? "write the path from / on, or \"\"" : "write the path from / on")
  }
  try checkText(path, 1...limit)
}

/// What names a bucket: letters, digits, `.`, `_` and `-`, the first a letter or a digit.
///
/// Wider than what AWS takes today, since other object stores and old buckets are.
func checkBucket(_ name: String) throws(Complaint) {
  let isPlausible = name.utf8.allSatisfy { isASCIIAlphanumeric($0) || "._-".utf8.contains($0) }
  guard let first = name.utf8.first, isASCIIAlphanumeric(first), isPlausible, name.utf8.count <= 255 else {
    throw Complaint(
      .invalidValue, "\(quoted(name)) is no name of a bucket",
      advice: "write up to 255 of A-Z a-z 0-9 . _ - beginning with a letter or a digit")
  }
}

/// A word of a signature's scope: letters, digits, `_` and `-`.
func checkRegion(_ name: String) throws(Complaint) {
  let isPlausible = name.utf8.allSatisfy { isASCIIAlphanumeric($0) || "_-".utf8.contains($0) }
  guard (1...64).contains(name.utf8.count), isPlausible else {
    throw Complaint(
      .invalidValue, "\(quoted(name)) is no name of a region",
      advice: "write it as \"us-east-1\": up to 64 of A-Z a-z 0-9 _ -")
  }
}

/// A name that fits between the brackets of a credentials file.
func checkProfile(_ name: String) throws(Complaint) {
  try checkText(name, 1...128)
  guard !name.utf8.contains(where: { "[]".utf8.contains($0) }) else {
    throw Complaint(.invalidValue, "\(quoted(name)) holds a bracket", advice: "write the profile's name alone")
  }
}

extension Codec<[ListenAddress]> {
  /// At least one address, none twice.
  static let addresses = Codec(
    type: "array of texts", range: "at least one",
    encodeAny: { addresses in
      .value("[" + addresses.map { tomlString($0.description) }.joined(separator: ", ") + "]")
    },
    decodeAny: { node throws(Complaints) in
      let advice = "write an array of texts, as [\"0.0.0.0:4000\"]"
      guard case .array(let items) = node else {
        throw Complaints(all: [wrongType(node, wanted: "an array", advice: advice)])
      }
      var addresses: [ListenAddress] = []
      var complaints: [Complaint] = []
      for item in items {
        do throws(Complaint) {
          guard case .text(let text) = item else { throw wrongType(item, wanted: "a text", advice: advice) }
          let address = try ListenAddress.checked(text)
          if address.port != 0, addresses.contains(address) {
            throw Complaint(.invalidValue, "\(quoted(text)) is there twice", advice: "take one out")
          }
          addresses.append(address)
        } catch {
          complaints.append(error)
        }
      }
      if items.isEmpty {
        complaints.append(Complaint(.invalidValue, "there is no address to listen on", advice: "write at least one"))
      }
      if !complaints.isEmpty { throw Complaints(all: complaints) }
      return addresses
    })
}

extension Codec<[String: Int]> {
  /// A size for each user id.
  static let sizesByUser = Codec(
    type: "table of sizes by user id", range: "0 or more",
    encodeAny: { sizes in
      .table(
        sizes.sorted { $0.key < $1.key }.map { (tomlString($0.key), Codec<Int>.sizeInFile($0.value)) })
    },
    decodeAny: { node throws(Complaints) in
      guard case .table(let entries) = node else {
        let advice = "write [quota.users] and below it lines as \"user_abc123\" = \"50GiB\""
        throw Complaints(all: [wrongType(node, wanted: "a table", advice: advice)])
      }
      var sizes: [String: Int] = [:]
      var complaints: [Complaint] = []
      for entry in entries {
        do throws(Complaint) {
          guard (1...128).contains(entry.key.utf8.count) else {
            throw Complaint(
              .invalidValue, "a user id of \(entry.key.utf8.count) bytes", advice: "user ids have 1 to 128 bytes")
          }
          sizes[entry.key] = try Codec<Int>.size(entry.value, 0...(.max), "0 or more")
        } catch {
          var complaint = error
          complaint.below = (entry.key, entry.line)
          complaints.append(complaint)
        }
      }
      if !complaints.isEmpty { throw Complaints(all: complaints) }
      return sizes
    })
}
