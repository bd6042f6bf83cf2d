// A file system of its own in a file, to fill, freeze, take away or cut off from its power. Mounting takes root; tests
// that need it fail without.

import Foundation
import Glibc

/// A mounted loop file system.
final class DiskImage {
  enum Kind: String, CaseIterable, Sendable { case ext4, xfs }

  /// Where it is mounted.
  let path: String
  private let image: String
  private let kind: Kind

  init(_ kind: Kind, megabytes: Int = 320) throws {
    guard geteuid() == 0 else { throw RigFailure("this test mounts file systems: run it as root") }
    self.kind = kind
    image = Scratch.shared.path("image")
    path = Scratch.shared.path("mount")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Self.run("truncate", "-s", "\(megabytes)M", image)
    switch kind {
    case .ext4: try Self.run("mkfs.ext4", "-q", "-F", "-m", "0", image)
    case .xfs: try Self.run("mkfs.xfs", "-q", "-f", image)
    }
    try mount()
  }

  deinit {
    _ = try? Program.run("/usr/bin/env", ["fsfreeze", "-u", path])
    _ = try? Program.run("/usr/bin/env", ["umount", "-l", path])
    unsafe unlink(image)
  }

  func mount() throws { try Self.run("mount", "-o", "loop", image, path) }

  /// Fails while a file is open on it, unless it is lazy: then it goes from sight and lives on for who has one.
  func unmount(lazily: Bool = false) throws { try Self.run(["umount"] + (lazily ? ["-l"] : []) + [path]) }

  func remount(readOnly: Bool) throws { try Self.run("mount", "-o", readOnly ? "remount,ro" : "remount,rw", path) }

  /// Has every write wait.
  func freeze() throws { try Self.run("fsfreeze", "-f", path) }
  func thaw() throws { try Self.run("fsfreeze", "-u", path) }

  /// Cuts the power: what is not on the disk now never will be, and every call fails until it is mounted again
  /// (`FS_IOC_GOINGDOWN` without a flush of the log).
  func cut() throws { try Self.cut(path) }

  static func cut(_ path: String) throws {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else { throw RigFailure.call("open \(path)") }
    defer { close(descriptor) }
    var flag: UInt32 = 2
    guard unsafe ioctl(descriptor, 0x8004_587D, &flag) == 0 else { throw RigFailure.call("cut \(path)") }
  }

  /// Changes bytes on the disk itself, wherever it holds them: no file's time changes, and memory knows nothing of it.
  func spoil(_ bytes: Bytes) throws {
    let url = URL(fileURLWithPath: image)
    guard let place = try Data(contentsOf: url, options: .alwaysMapped).range(of: Data(bytes.array)) else {
      throw RigFailure("the disk does not hold these bytes")
    }
    let file = try FileHandle(forUpdating: url)
    try file.seek(toOffset: UInt64(place.lowerBound))
    try file.write(contentsOf: Data(bytes.array.map { ~$0 }))
    try file.close()
  }

  /// Writes a foreign file until not one byte more fits.
  func fill() throws {
    // Most of it at once, without writing it.
    if freeBytes > 32 << 20 { try fill(leaving: 8 << 20) }
    let descriptor = unsafe open(path + "/foreign", O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { throw RigFailure.call("open foreign") }
    defer { close(descriptor) }
    // What lies in memory only would be given up again when the disk has no block for it.
    for size in [1 << 20, 1 << 16, 4096, 512, 1] {
      let bytes = [UInt8](repeating: 0x2E, count: size)
      while unsafe write(descriptor, bytes, size) > 0 {}
      _ = fsync(descriptor)
    }
    guard unsafe write(descriptor, [0x2E], 1) < 0, errno == ENOSPC else { throw RigFailure("it does not get full") }
  }

  /// Writes a foreign file until only so many bytes are free.
  func fill(leaving bytes: Int) throws {
    try Self.run("fallocate", "-l", "\(max(1, freeBytes - bytes))", path + "/foreign")
  }

  /// Takes the foreign file away.
  func clear() throws {
    guard unsafe unlink(path + "/foreign") == 0 else { throw RigFailure.call("unlink foreign") }
  }

  /// Bytes that are free for anyone.
  var freeBytes: Int {
    var status = statvfs()
    return unsafe statvfs(path, &status) == 0 ? Int(status.f_bavail * status.f_frsize) : -1
  }

  private static func run(_ arguments: String...) throws { try run(arguments) }

  private static func run(_ arguments: [String]) throws {
    let result = try Program.run("/usr/bin/env", arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
    guard result.ending == .exited(0) else {
      throw RigFailure("\(arguments.joined(separator: " ")): \(result.errors)")
    }
  }
}
