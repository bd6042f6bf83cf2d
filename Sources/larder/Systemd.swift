// What the service manager tells us and wants to hear: sockets, readiness, the watchdog (sd_notify(3), sd_listen_fds(3)).
// Spoken directly: a datagram and two variables are no reason to link libsystemd.

import Glibc
import Loop

/// The service manager, when there is one.
@EventLoop
final class Systemd {
  /// A datagram socket for as long as the program runs; -1 without a manager.
  private let socket: Int32
  private let path: String

  init() {
    path = environment("NOTIFY_SOCKET") ?? ""
    socket = path.isEmpty ? -1 : Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }

  /// Ready, at first or again after a reload.
  func ready() { notify("READY=1") }

  /// Tells what `status` comes to whenever it has become something else, until the task is cancelled.
  func follow(_ status: @EventLoop () async -> String) async {
    guard socket >= 0 else { return }
    var told = ""
    while true {
      let now = await status()
      if Task.isCancelled { return }
      if now != told { notify("STATUS=\(now)") }
      told = now
      do { try await EventLoop.sleep(for: Self.statusPeriod) } catch { return }
    }
  }

  private static let statusPeriod = Duration.seconds(5)

  func reloading() {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    notify("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  func stopping() { notify("STOPPING=1\nSTATUS=finishing open responses") }

  func alive() { notify("WATCHDOG=1") }

  /// How often the watchdog wants to hear from the loop; nil when it does not.
  var watchdogPeriod: Duration? {
    guard let text = environment("WATCHDOG_USEC"), let period = Int64(text), period > 0 else { return nil }
    if let pid = environment("WATCHDOG_PID"), Int32(pid) != getpid() { return nil }
    return .microseconds(period / 2)
  }

  /// Listening sockets that were passed in, the first at descriptor 3.
  static func passedSockets() -> [Int32] {
    guard let pid = environment("LISTEN_PID"), Int32(pid) == getpid(), let text = environment("LISTEN_FDS"),
      let count = Int32(text), count > 0
    else { return [] }
    unsafe unsetenv("LISTEN_PID")
    unsafe unsetenv("LISTEN_FDS")
    return Array(3..<3 + count)
  }

  private func notify(_ message: String) {
    guard socket >= 0 else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard name.count < room else { return }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
      unsafe place.copyBytes(from: name)
      // An abstract name begins with a zero byte, written as @.
      if name.first == UInt8(ascii: "@") { unsafe place[0] = 0 }
    }
    let length = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + name.count)
    let bytes = Array(message.utf8)
    _ = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
      }
    }
  }
}
