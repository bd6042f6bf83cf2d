// The system calls of the storage side, answered by the pretend disk. A function of this module stands before the C
// library's of the same name, so the program's own sources call these.

import Cache
import Glibc
import HTTP
import LMDB
import Loop

/// The world that is being lived through.
enum Stage {
  nonisolated(unsafe) static var disk = Disk(size: 0, dice: Dice(seed: 0))
  /// How far the time of day is off the machine's clock, in milliseconds.
  nonisolated(unsafe) static var clockOffset: Int64 = 0
  nonisolated(unsafe) static var lastError: Int32 = 0
  /// Where the ledger really lies.
  nonisolated(unsafe) static var ledgerPath = ""
  /// Folders that are being read, by handle: names that are still to come.
  nonisolated(unsafe) static var listings: [Int: [String]] = [:]
  nonisolated(unsafe) static let entry = UnsafeMutablePointer<dirent>.allocate(capacity: 1)
}

/// The handle of the data directory.
let rootHandle: Int32 = 999_999

var errno: Int32 {
  get { unsafe Stage.lastError }
  set { unsafe Stage.lastError = newValue }
}

private func answer(_ error: Int32, _ call: @autoclosure () -> String = "") -> Int32 {
  Trace.detail("\(call()): \(error)")
  guard error != 0 else { return 0 }
  errno = error
  return -1
}

/// The C library by its full name.
enum Glibc {
  @unsafe static func open(_ path: String, _ flags: Int32) -> Int32 { rootHandle }
  @unsafe static func open(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { rootHandle }
}

@unsafe func openat(_ root: Int32, _ path: String, _ flags: Int32) -> Int32 { unsafe openat(root, path, flags, 0) }

@unsafe func openat(_ root: Int32, _ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
  let (handle, error) = unsafe Stage.disk.openFile(
    path, create: flags & O_CREAT != 0, folder: flags & O_DIRECTORY != 0)
  if error == 0, flags & O_TRUNC != 0 { _ = unsafe Stage.disk.truncate(handle, to: 0) }
  if error != 0 { errno = error }
  return handle
}

@discardableResult func close(_ handle: Int32) -> Int32 {
  unsafe Stage.disk.close(handle)
  return 0
}

func flock(_ handle: Int32, _ operation: Int32) -> Int32 { 0 }

@unsafe func pwrite(_ handle: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ offset: off_t) -> Int {
  let (wrote, error) = unsafe Stage.disk.write(
    handle, UnsafeRawBufferPointer(start: bytes, count: count), at: Int(offset))
  if error != 0 { errno = error }
  return wrote
}

@unsafe func pread(_ handle: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int, _ offset: off_t) -> Int {
  let (got, error) = unsafe Stage.disk.read(
    handle, UnsafeMutableRawBufferPointer(start: bytes, count: count), at: Int(offset))
  if error != 0 { errno = error }
  return got
}

func fdatasync(_ handle: Int32) -> Int32 {
  answer(unsafe Stage.disk.sync(handle), "fdatasync \(unsafe Stage.disk.path(handle) ?? "")")
}

/// Sends to the disk what may lie there or not at any time, and makes nothing durable.
// swift-format-ignore: AlwaysUseLowerCamelCase
func larder_push(_ handle: Int32, _ offset: off_t, _ count: off_t) -> Int32 { 0 }

func fsync(_ handle: Int32) -> Int32 {
  answer(unsafe Stage.disk.sync(handle), "fsync \(unsafe Stage.disk.path(handle) ?? "")")
}

@unsafe func mkdir(_ path: String, _ mode: mode_t) -> Int32 {
  path == "/box" ? answer(EEXIST) : answer(unsafe Stage.disk.makeFolder(String(path.dropFirst("/box/".count))))
}

@unsafe func mkdirat(_ root: Int32, _ path: String, _ mode: mode_t) -> Int32 {
  answer(unsafe Stage.disk.makeFolder(path), "mkdir \(path)")
}

@unsafe func linkat(_ a: Int32, _ from: String, _ b: Int32, _ to: String, _ flags: Int32) -> Int32 {
  answer(unsafe Stage.disk.link(from, to), "link \(from) \(to)")
}

@unsafe func unlinkat(_ root: Int32, _ path: String, _ flags: Int32) -> Int32 {
  answer(unsafe Stage.disk.unlink(path, folder: flags & AT_REMOVEDIR != 0), "unlink \(path)")
}

@unsafe func renameat(_ a: Int32, _ from: String, _ b: Int32, _ to: String) -> Int32 {
  answer(unsafe Stage.disk.rename(from, to), "rename \(from) \(to)")
}

/// Never over what stands there.
// swift-format-ignore: AlwaysUseLowerCamelCase
@unsafe func larder_rename_new(_ a: Int32, _ from: String, _ b: Int32, _ to: String) -> Int32 {
  guard unsafe Stage.disk.find(to) == nil else { return -EEXIST }
  let error = unsafe Stage.disk.rename(from, to)
  Trace.detail("rename \(from) \(to): \(error)")
  return -error
}

/// As much as is in memory without a gap. Of what is not, the kernel begins to read some, and a quick disk may have it by the
/// time the kernel looks again.
// swift-format-ignore: AlwaysUseLowerCamelCase
@unsafe func larder_read_resident(
  _ handle: Int32, _ into: UnsafeMutableRawPointer?, _ count: Int, _ offset: off_t
) -> Int {
  let disk = unsafe Stage.disk
  guard let size = disk.inode(handle)?.bytes.count else { return -Int(EBADF) }
  guard Int(offset) < size, count > 0 else { return 0 }
  let wanted = Int(offset)..<min(Int(offset) + count, size)
  var end = disk.residentEnd(handle, wanted)
  if end < wanted.upperBound {
    disk.readAhead(handle, end..<wanted.upperBound)
    if disk.dice.roll(2) > 0 { end = disk.residentEnd(handle, wanted) }
  }
  guard wanted.lowerBound < end else { return -Int(EAGAIN) }
  return unsafe pread(handle, into, end - wanted.lowerBound, offset)
}

@unsafe func fdopendir(_ handle: Int32) -> OpaquePointer? {
  guard let folder = unsafe Stage.disk.inode(handle) else { return nil }
  unsafe Stage.listings[Int(handle)] = folder.names.keys.sorted(by: >)
  return unsafe OpaquePointer(bitPattern: Int(handle))
}

@unsafe func readdir(_ folder: OpaquePointer) -> UnsafeMutablePointer<dirent>? {
  let disk = unsafe Stage.disk
  guard !disk.isDead, !disk.fails(disk.weather.read) else {
    errno = EIO
    return nil
  }
  guard let name = unsafe Stage.listings[Int(bitPattern: folder)]?.popLast() else { return nil }
  unsafe withUnsafeMutableBytes(of: &Stage.entry.pointee.d_name) { bytes in
    unsafe bytes.copyBytes(from: Array(name.utf8) + [0])
  }
  return unsafe Stage.entry
}

@discardableResult @unsafe func closedir(_ folder: OpaquePointer) -> Int32 {
  unsafe Stage.listings[Int(bitPattern: folder)] = nil
  return close(Int32(Int(bitPattern: folder)))
}

func ftruncate(_ handle: Int32, _ size: off_t) -> Int32 { answer(unsafe Stage.disk.truncate(handle, to: Int(size))) }

// swift-format-ignore: AlwaysUseLowerCamelCase
@discardableResult
func posix_fadvise(_ handle: Int32, _ offset: off_t, _ count: off_t, _ advice: Int32) -> Int32 {
  let bytes = Int(offset)..<Int(offset + count)
  if advice == POSIX_FADV_DONTNEED { unsafe Stage.disk.forget(handle, bytes) }
  if advice == POSIX_FADV_WILLNEED { unsafe Stage.disk.readAhead(handle, bytes) }
  return 0
}

/// Has reads come from the plate and not from memory.
// swift-format-ignore: AlwaysUseLowerCamelCase
func larder_read_past_memory(_ handle: Int32, _ wanted: Int32) -> Int32 {
  unsafe Stage.disk.setDirect(handle, wanted != 0) ? 0 : -EINVAL
}

@unsafe func fstat(_ handle: Int32, _ into: UnsafeMutablePointer<stat>) -> Int32 {
  unsafe describe(Stage.disk.inode(handle), into)
}

@unsafe func fstatat(_ root: Int32, _ path: String, _ into: UnsafeMutablePointer<stat>, _ flags: Int32) -> Int32 {
  unsafe describe(Stage.disk.find(path), into)
}

@unsafe private func describe(_ inode: Inode?, _ into: UnsafeMutablePointer<stat>) -> Int32 {
  guard let inode else { return answer(ENOENT) }
  unsafe into.pointee.st_mode = inode.isFolder ? S_IFDIR : S_IFREG | 0o640
  unsafe into.pointee.st_ino = UInt(inode.number)
  unsafe into.pointee.st_size = inode.bytes.count
  unsafe into.pointee.st_blocks = inode.isFolder ? 0 : inode.room / 512
  unsafe into.pointee.st_nlink = nlink_t(inode.links)
  unsafe into.pointee.st_mtim = timespec(
    tv_sec: Int(inode.modified / 1_000_000_000), tv_nsec: Int(inode.modified % 1_000_000_000))
  return 0
}

@unsafe func fstatvfs(_ root: Int32, _ into: UnsafeMutablePointer<statvfs>) -> Int32 {
  unsafe into.pointee.f_frsize = UInt(Inode.page)
  unsafe into.pointee.f_bavail = UInt(Stage.disk.free / Inode.page)
  return 0
}

@discardableResult func usleep(_ microseconds: UInt32) -> Int32 {
  unsafe Machine.current.sleep(nanoseconds: UInt64(microseconds) * 1000)
  return 0
}

/// The two clocks, of the machine.
enum Clock {
  static let beginning: Int64 = 1_700_000_000_000

  static var now: Cache.Timestamp { steady.adding(milliseconds: unsafe Stage.clockOffset) }

  static var steady: Cache.Timestamp {
    Cache.Timestamp(milliseconds: beginning + Int64(unsafe Machine.current.now / 1_000_000))
  }
}

extension UInt64 {
  /// Stands before the standard library's, which asks the system.
  static func random(in range: ClosedRange<UInt64>) -> UInt64 { unsafe Chance.generator.next() }
}

/// Stands before the standard library's, which asks the system.
struct SystemRandomNumberGenerator: RandomNumberGenerator {
  mutating func next() -> UInt64 { unsafe Chance.generator.next() }
}

/// The program's log, to the trace.
struct EventLog: Sendable {
  enum Subject: String, Sendable { case download, user, request, code, address }

  func debug(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {}
  func info(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    Trace.say("  log \(event): \(message())")
  }
  func notice(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    Trace.say("  log \(event): \(message())")
  }
  func warning(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    Trace.say("  log \(event): \(message())")
  }
  func fault(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    Trace.say("  log \(event): \(message())")
  }
}

// MARK: What those sources name besides

enum Version {
  static let current = "simulated"
}

final class Descriptor: Sendable {
  init(owning descriptor: Int32) {}
}

struct StartFailure: Error {
  let text: String
  static func configuration(_ why: String) -> StartFailure { StartFailure(text: why) }
  static func temporary(_ why: String) -> StartFailure { StartFailure(text: why) }
}

/// Counters that nobody reads.
@EventLoop
final class Metrics {
  nonisolated init() {}
  func count(_ metric: Metric, _ label: String = "", by count: Int = 1) {}
  func answered(_ status: Status) {}
  func observe(_ metric: Metric, microseconds: Int) {}
}

enum Metric { case originErrors, integrityFailures, fillBytes, chunkTime, blocksMended, playBytes }

enum Larder {
  static func complain(_ text: String) { print(text) }
}

enum LedgerOpening {
  static func check(_ ledger: Ledger, _ path: String) throws {
    if let damage = try ledger.environment.damage(in: unsafe Stage.ledgerPath, .whole) {
      throw LedgerError.damaged(damage)
    }
  }
}
