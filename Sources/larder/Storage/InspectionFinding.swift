// What an inspection may find: each kind of difference between ledger, disk and checksums with its meaning in one
// sentence, and with what a repair does about it in another.

import Cache
import HTTP

/// An object, as a finding names it.
struct InspectedObject: Sendable, Hashable {
  let id: ObjectID
  /// The origin's key, for people.
  let key: String
  let size: Int
  let blockSize: Int

  init(_ object: StoredObject) {
    id = object.id
    key = object.origin.version.key
    size = object.size
    blockSize = object.blockSize
  }

  var path: String { StoredPath.object(id) }

  /// The bytes of some of its blocks.
  func bytes(of blocks: [Range<Int>]) -> Int {
    blocks.reduce(0) { $0 + min(size, $1.upperBound * blockSize) - $1.lowerBound * blockSize }
  }
}

/// The link of a completed download, as a finding names it.
struct InspectedLink: Sendable, Hashable {
  let download: DownloadID
  let user: UserID
  let object: ObjectID
  let path: String
}

/// How the disk has lost blocks.
enum BlockLoss: Sendable, Hashable {
  case different, short
  case unreadable(DiskError)
}

/// One difference.
enum Finding: Sendable, Hashable {
  /// The ledger does not hold what follows from its records.
  case ledger(AuditFinding)
  case fileMissing(InspectedObject)
  /// It cannot be judged.
  case fileUnreadable(InspectedObject, DiskError)
  case fileLong(InspectedObject, found: Int)
  case blocksLost(InspectedObject, [Range<Int>], BlockLoss)
  /// Known to be lost, and not fetched again yet.
  case blocksAwaited(InspectedObject, [Range<Int>])
  case sumsMissing(InspectedObject)
  case sumsWrong(InspectedObject, reason: String)
  case linkMissing(InspectedLink)
  /// Something else stands where the link belongs.
  case linkForeign(InspectedLink)
  /// It belongs to nothing in the ledger.
  case stray(path: String, bytes: Int)
  case folderEmpty(path: String)
  case unreadable(path: String, DiskError)

  /// The stable word for programs.
  var word: String {
    switch self {
    case .ledger: "ledger"
    case .fileMissing: "file_missing"
    case .fileUnreadable, .unreadable: "unreadable"
    case .fileLong: "file_long"
    case .blocksLost(_, _, .different): "blocks_different"
    case .blocksLost(_, _, .short): "file_short"
    case .blocksLost(_, _, .unreadable): "blocks_unreadable"
    case .blocksAwaited: "blocks_awaited"
    case .sumsMissing: "sums_missing"
    case .sumsWrong: "sums_wrong"
    case .linkMissing: "link_missing"
    case .linkForeign: "link_wrong"
    case .stray: "stray"
    case .folderEmpty: "folder_empty"
    }
  }

  var object: InspectedObject? {
    switch self {
    case .fileMissing(let object), .fileUnreadable(let object, _), .fileLong(let object, _),
      .blocksLost(let object, _, _), .blocksAwaited(let object, _), .sumsMissing(let object),
      .sumsWrong(let object, _):
      object
    case .ledger, .linkMissing, .linkForeign, .stray, .folderEmpty, .unreadable: nil
    }
  }

  /// Below `storage.path`.
  var path: String {
    switch self {
    case .ledger: "ledger/data.mdb"
    case .sumsMissing(let object), .sumsWrong(let object, _): StoredPath.sums(object.id)
    case .linkMissing(let link), .linkForeign(let link): link.path
    case .stray(let path, _), .folderEmpty(let path), .unreadable(let path, _): path
    default: object?.path ?? ""
    }
  }

  /// What is so, in one sentence.
  var meaning: String {
    switch self {
    case .ledger(let finding): finding.description
    case .fileMissing(let object): "the file of an object of \(object.size) bytes is missing"
    case .fileUnreadable(_, let error), .unreadable(_, let error): "it cannot be judged: \(error)"
    case .fileLong(let object, let found): "the file has \(found) bytes, the object \(object.size)"
    case .blocksLost(let object, let blocks, let loss):
      switch loss {
      case .different: Self.text(object, blocks, "does not match its checksum", "do not match their checksums")
      case .short: "the file ends before \(Self.text(blocks)) (\(object.bytes(of: blocks)) bytes)"
      case .unreadable(let error):
        "the disk does not give \(Self.text(blocks)) (\(object.bytes(of: blocks)) bytes): \(error)"
      }
    case .blocksAwaited(let object, let blocks):
      Self.text(object, blocks, "was lost and waits for the origin", "were lost and wait for the origin")
    case .sumsMissing: "the checksums beside the object are missing; without them a lost ledger cannot be made anew"
    case .sumsWrong(_, let reason): "the checksums beside the object are not the object's (\(reason))"
    case .linkMissing(let link): "the link of \(link.user)'s download \(link.download) is missing"
    case .linkForeign(let link):
      "another file stands where the link of \(link.user)'s download \(link.download) belongs"
    case .stray(_, let bytes): "\(bytes) bytes that belong to nothing in the ledger"
    case .folderEmpty: "an empty folder that belongs to nobody's title"
    }
  }

  /// What a repair does about it.
  var remedy: String {
    switch self {
    case .ledger: "everything that follows from the records is made anew"
    case .fileMissing: "linked from an owner's copy when there is one; what that lacks is fetched again"
    case .fileUnreadable, .unreadable: "nothing; mend the file system or the permissions"
    case .fileLong: "cut to its size"
    case .blocksLost, .blocksAwaited: "fetched again"
    case .sumsMissing, .sumsWrong: "written again"
    case .linkMissing: "linked again"
    case .linkForeign: "linked again; what stands there moves to lost+found when it is not the same bytes"
    case .stray: "moved to lost+found"
    case .folderEmpty: "removed"
    }
  }

  /// What is so of one block or of several.
  private static func text(_ object: InspectedObject, _ blocks: [Range<Int>], _ one: String, _ several: String)
    -> String
  {
    let isOne = blocks.count == 1 && blocks[0].count == 1
    return "\(text(blocks)) (\(object.bytes(of: blocks)) bytes) \(isOne ? one : several)"
  }

  /// Blocks in words: `blocks 0 to 3, 17`, and no endless list.
  static func text(_ blocks: [Range<Int>]) -> String {
    let count = blocks.reduce(0) { $0 + $1.count }
    let shown = blocks.prefix(8).map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound - 1)" }
    let rest = blocks.count > 8 ? " and \(blocks.dropFirst(8).reduce(0) { $0 + $1.count }) more" : ""
    return "block\(count == 1 ? "" : "s") \(shown.joined(separator: ", "))\(rest)"
  }
}
