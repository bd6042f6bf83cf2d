// The service manager's view: what it is told, and when (sd_notify(3)).

import Foundation
import Glibc
import Testing

@LaneC @Suite("As a service") struct ServiceTests {
  /// The socket on which a service manager is told of states.
  final class Manager {
    let path = Scratch.shared.path("notify")
    private let descriptor: Int32
    private(set) var messages: [String] = []

    init() throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
      let bound = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard bound == 0 else { throw RigFailure.call("bind \(path)") }
    }

    deinit { close(descriptor) }

    /// Waits until a message says so.
    func wait(for line: String) throws { try wait(line) { $0 == line } }

    /// Waits for a line of a message.
    func wait(_ what: String, _ isIt: (Substring) -> Bool) throws {
      try eventually("\(what) among \(messages)") {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)), count > 0 {
          messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
        return messages.contains { $0.split(separator: "\n").contains(where: isIt) } ? true : nil
      }
    }
  }

  @Test("it says when it is ready, alive, reloading and stopping")
  func notifies() throws {
    let manager = try Manager()
    let box = try Box(environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
    try manager.wait(for: "READY=1")
    #expect(try box.ask("GET", "/readyz").status == 200, "ready means ready")
    try manager.wait(for: "WATCHDOG=1")
    box.reload()
    try manager.wait(for: "RELOADING=1")
    let reloading = manager.messages.first { $0.contains("RELOADING=1") }
    #expect(reloading?.contains(/MONOTONIC_USEC=\d+/) == true)
    try eventually("ready again") {
      try manager.wait(for: "READY=1")
      return manager.messages.filter { $0.contains("READY=1") }.count >= 2 ? true : nil
    }
    #expect(try box.terminate() == .exited(0))
    try manager.wait(for: "STOPPING=1")
  }

  @Test("a watchdog that ends it with SIGABRT ends it at once, also when it was stopped, and no fault is told of")
  func endsByWatchdog() throws {
    for isStopped in [false, true] {
      let box = try Box()
      if isStopped { box.program?.signal(SIGSTOP) }
      box.program?.signal(SIGABRT)
      if isStopped { box.program?.signal(SIGCONT) }
      #expect(try box.program?.wait() == .killed(by: SIGABRT))
      #expect(!box.report.contains("fault"))
    }
  }

  @Test("who was asked for nothing for a while has let go of the code that answers took, and answers as before")
  func rests() throws {
    let box = try Box()
    let pid = box.program?.pid ?? 0
    /// What of its memory are pages of files, in KiB.
    func mapped() throws -> Int {
      let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
      let line = status.split(separator: "\n").first { $0.hasPrefix("RssFile:") } ?? ""
      return try #require(Int(line.filter(\.isNumber)))
    }
    for path in ["/readyz", "/metrics", "/api/downloads"] { _ = try box.ask("GET", path) }
    let busy = try mapped()
    try eventually("it rests", explain: "\(busy) KiB before") { try mapped() < busy / 2 ? true : nil }
    #expect(try box.ask("GET", "/readyz").status == 200)
  }

  @Test("it says in one line what it is doing")
  func status() throws {
    let manager = try Manager()
    let box = try Box(environment: ["NOTIFY_SOCKET": manager.path])
    try manager.wait("nothing to do") { $0.hasPrefix("STATUS=nothing to do, ") && $0.hasSuffix(" free") }
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    #expect(try ann.play(ann.fetch(title)).status == 200)
    try manager.wait("a viewer") { $0.hasPrefix("STATUS=1 viewer, ") }
  }

  @Test("who has connected just before it stops is answered")
  func answersNewcomers() throws {
    let manager = try Manager()
    let box = try Box(environment: ["NOTIFY_SOCKET": manager.path])
    try manager.wait(for: "READY=1")
    // The second is accepted after the first, which is answered.
    let newcomer = try Connection(port: box.port)
    #expect(try box.ask("GET", "/healthz").status == 200)
    box.program?.signal(SIGTERM)
    try manager.wait(for: "STOPPING=1")
    try newcomer.send(request("GET", "/healthz"))
    #expect(try newcomer.receiveHead().status == 200)
    newcomer.close()
    #expect(try box.program?.wait() == .exited(0))
  }
}
