// What an administrator asks for in a query, checked once; the same words come from the network, the socket and the
// commands.

import Cache
import HTTP

/// Names and values of a query, decoded; of a repeated name the last counts.
typealias QueryItems = [(name: String, value: String)]

/// Numbers and words of a query.
enum QueryValue {
  static func number(_ name: String, _ value: String, _ range: ClosedRange<Int>) throws(Rejection) -> Int {
    guard let number = Int(value), range.contains(number), value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw .invalid("\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  static func user(_ name: String, _ value: String) throws(Rejection) -> UserID {
    guard let user = UserID(value) else { throw .invalid("\(name) must be a user id of 1 to 128 bytes") }
    return user
  }

  /// One or several words with commas.
  static func words<Word: CaseIterable & Hashable>(
    _ name: String, _ value: String, _ word: (Word) -> String
  ) throws(Rejection) -> Set<Word> {
    var found: Set<Word> = []
    for part in value.split(separator: ",", omittingEmptySubsequences: false) {
      guard let known = Word.allCases.first(where: { word($0) == part }) else {
        let all = Word.allCases.map(word).joined(separator: ", ")
        throw .invalid("\(name) must be one or several of \(all), with commas")
      }
      found.insert(known)
    }
    return found
  }
}

extension DownloadFilter {
  /// Reads `status`, `include_deleted`, `limit` and `cursor`.
  init(_ query: QueryItems, most: Int = 100) throws(Rejection) {
    self.init(limit: 50)
    for (name, value) in query {
      switch name {
      case "status": statuses = try QueryValue.words(name, value) { (status: Download.Status) in status.word }
      case "include_deleted":
        guard value == "true" || value == "false" else { throw .invalid("include_deleted must be true or false") }
        includesDeleted = value == "true"
      case "limit": limit = try QueryValue.number(name, value, 1...most)
      case "cursor":
        guard let id = DownloadID(value) else {
          throw .invalid("cursor must be the next_cursor of the answer before")
        }
        before = id
      default: break
      }
    }
  }
}

/// Which page of users to show.
struct UsersQuery {
  var after: UserID?
  var limit = 50

  /// Reads `limit` and `cursor`.
  init(_ query: QueryItems, most: Int) throws(Rejection) {
    for (name, value) in query {
      switch name {
      case "limit": limit = try QueryValue.number(name, value, 1...most)
      case "cursor": after = try QueryValue.user(name, value)
      default: break
      }
    }
  }
}

extension AuditFilter {
  /// Reads `user`, `event`, `limit` and `before`.
  init(_ query: QueryItems, most: Int) throws(Rejection) {
    self.init(limit: 50)
    for (name, value) in query {
      switch name {
      case "user": user = try QueryValue.user(name, value)
      case "event": events = try QueryValue.words(name, value) { (event: AuditEntry.Event) in event.word }
      case "limit": limit = try QueryValue.number(name, value, 1...most)
      case "before": before = UInt64(try QueryValue.number(name, value, 0...Int.max))
      default: break
      }
    }
  }
}
