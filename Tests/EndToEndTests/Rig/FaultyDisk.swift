// A disk that fails on order, for one box: the library in Tests/FaultyDisk, preloaded, and the plan that it goes by.
// A plan may be changed while the box runs; without a plan the disk is well.

import Foundation
import Glibc

/// The calls that are told apart.
enum DiskCall: String, CaseIterable, Sendable {
  case objectWrite = "object-write"
  case objectSync = "object-sync"
  case objectRead = "object-read"
  case objectOpen = "object-open"
  case folderSync = "folder-sync"
  case link, unlink, mkdir, rename
  case ledgerWrite = "ledger-write"
  case ledgerSync = "ledger-sync"
  /// The write that makes a commit: synced by itself.
  case ledgerMeta = "ledger-meta"
  /// Room set aside for the ledger.
  case ledgerRoom = "ledger-room"
  case otherWrite = "other-write"
  case otherSync = "other-sync"
  /// An object that is there is opened.
  case objectLook = "object-look"
  /// The file system is asked what is free.
  case space
  /// An open file is cut, or made longer.
  case truncate
}

/// What the disk does to calls of one kind.
struct DiskRule: Sendable, CustomStringConvertible {
  enum Action: Sendable {
    case fail(Int32)
    /// Does it, and says that it did not.
    case late(Int32)
    /// Fails a sync and forgets what was written since the last one, as Linux may.
    case lose(Int32)
    case short(Int)
    /// Fails until something of an object is written: then the disk has put it elsewhere.
    case remap(Int32)
    /// In milliseconds.
    case delay(Int)
    /// Until the plan is another one.
    case hold
    /// After a read of an object memory has forgotten the object.
    case forget
    /// Once, right after this byte of an object was read, memory has forgotten the object and the disk has another byte;
    /// and who reads that hears of it 300 ms later.
    case spoil(Int)
    /// Ends the process instead of the call, or after it.
    case kill, killed
  }

  var call: DiskCall
  /// Counted from 1 since the plan was made, or the process began.
  var first = 1
  /// 0 for no end.
  var last = 0
  var action: Action

  /// Only this one.
  static func only(_ number: Int, _ call: DiskCall, _ action: Action) -> DiskRule {
    DiskRule(call: call, first: number, last: number, action: action)
  }

  var description: String {
    let (word, number) =
      switch action {
      case .fail(let code): ("fail", Int(code))
      case .late(let code): ("late", Int(code))
      case .lose(let code): ("lose", Int(code))
      case .short(let bytes): ("short", bytes)
      case .remap(let code): ("remap", Int(code))
      case .delay(let milliseconds): ("delay", milliseconds)
      case .hold: ("hold", 0)
      case .forget: ("forget", 0)
      case .spoil(let offset): ("spoil", offset)
      case .kill: ("kill", 0)
      case .killed: ("killed", 0)
      }
    return "\(call.rawValue) \(first) \(last) \(word) \(number)"
  }
}

/// The disk under one box.
final class FaultyDisk {
  private let folder: String
  private static let library = Result { try Preload.compile("FaultyDisk/faultydisk") }

  init() throws {
    folder = Scratch.shared.path("disk")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    preload = try Self.library.get()
  }

  private let preload: String

  /// What the program must be started with.
  var environment: [String: String] { ["LD_PRELOAD": preload, "LARDER_FAULTS": folder] }

  /// Says which files it is about: before the program starts.
  func watch(_ path: String) throws {
    try path.write(toFile: folder + "/root", atomically: true, encoding: .utf8)
  }

  /// Goes by these rules from now on; by the next call at the latest.
  func plan(_ rules: DiskRule...) throws { try plan(rules) }

  func plan(_ rules: [DiskRule]) throws {
    try rules.map { "\($0)\n" }.joined().write(toFile: folder + "/plan", atomically: true, encoding: .utf8)
  }

  /// The disk is well again.
  func mend() throws { try plan([]) }

  /// How many calls there were since the plan was made.
  func count(_ call: DiskCall) -> Int {
    guard let bytes = try? Bytes(file: folder + "/counts"), let place = DiskCall.allCases.firstIndex(of: call),
      bytes.count >= place * 8 + 8
    else { return 0 }
    return (0..<8).reduce(0) { $0 | Int(bytes[place * 8 + $1]) << ($1 * 8) }
  }
}
