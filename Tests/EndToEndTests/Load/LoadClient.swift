// One connection of a load: it sends and reads as fast, as slowly or as badly as it is told, and holds every byte of every
// answer to what it must be.

import Glibc

/// What must come back for one request.
struct Expectation {
  /// Statuses that are in order.
  var statuses: Set<Int> = [200]
  /// The body of a 200 or 206, bit for bit; nil for any body.
  var body: Bytes?
}

/// A connection without threads or waits of its own: `Load` drives it.
final class LoadClient {
  enum Reading: Equatable {
    case all, nothing
    /// So many bytes at a time, with so many seconds between.
    case paced(bytes: Int, seconds: Double)
  }

  enum End { case orderly, reset, own }

  let descriptor: Int32
  var reading = Reading.all
  /// Seconds between two bytes that are sent; nil to send as fast as the other side takes them.
  var drip: Double?
  /// Called after each answer, to ask for more.
  var answered: ((LoadClient, Int) -> Void)?
  /// Called for each event of a stream.
  var event: ((LoadClient) -> Void)?
  /// Gives more to send whenever everything is sent, without end.
  var supply: (() -> [UInt8])?

  private(set) var end: End?
  /// The first thing that was not as it must be.
  private(set) var fault: String?
  private(set) var statuses: [Int: Int] = [:]
  private(set) var received = 0
  private(set) var sent = 0
  /// Whether the answer that is being read has no end: a stream of events.
  private(set) var isStream = false

  private var output: [UInt8] = []
  private var position = 0
  private var expected: [Expectation] = []
  private var head: [UInt8] = []
  private var body: (status: Int, offset: Int, left: Int)?
  private var nextRead = 0.0
  private var nextByte = 0.0

  /// Connects and does not wait for more than the kernel's queue.
  init(port: Int, from host: UInt8 = 1, receiveBuffer: Int32? = nil, isNarrow: Bool = false) throws {
    let socket = try Socket(port: port, from: host, isNarrow: isNarrow)
    if let receiveBuffer { socket.setBuffers(receiveBuffer) }
    descriptor = socket.descriptor
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { if end != .own { _ = Glibc.close(descriptor) } }

  /// Sends a request and expects an answer.
  func ask(_ text: String, _ expectation: Expectation = Expectation()) {
    send(Array(text.utf8))
    expected.append(expectation)
  }

  /// Sends bytes that ask for nothing by themselves.
  func send(_ bytes: [UInt8]) { output += bytes }

  func expect(_ expectation: Expectation) { expected.append(expectation) }

  /// Leaves: with a reset, as a player does that is closed in the middle, or in order.
  func leave(reset: Bool) {
    guard end != .own else { return }
    let socket = Socket(descriptor: descriptor)
    if reset { socket.reset() } else { socket.close() }
    end = .own
  }

  var isOpen: Bool { end == nil }

  /// Whether every request has its answer.
  var isAnswered: Bool { expected.isEmpty }

  /// Whether something came that was not read yet.
  var isWaitedFor: Bool {
    var byte: UInt8 = 0
    guard isOpen else { return false }
    return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
  }

  // MARK: For `Load`

  /// What to wait for now, by the clock; 0 for nothing.
  func wanted(_ now: Double) -> Int16 {
    var events: Int16 = 0
    if position == output.count, let supply {
      output = supply()
      position = 0
    }
    if position < output.count, now >= nextByte { events |= Int16(POLLOUT) }
    if reading != .nothing, now >= nextRead { events |= Int16(POLLIN) }
    return events
  }

  func happened(_ events: Int16, _ now: Double, buffer: UnsafeMutableRawBufferPointer) {
    if events & Int16(POLLOUT) != 0 { transmit(now) }
    if events & Int16(POLLIN) != 0 { unsafe receive(now, buffer) }
    // An error that nobody reads about: the reset of a client that is not reading.
    if events & Int16(POLLERR | POLLHUP) != 0, events & Int16(POLLIN) == 0, reading == .nothing { end = end ?? .reset }
  }

  private func transmit(_ now: Double) {
    while position < output.count {
      let length = drip == nil ? output.count - position : 1
      let count = unsafe output.withUnsafeBytes { bytes in
        unsafe Glibc.send(descriptor, bytes.baseAddress! + position, length, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else {
        if count < 0, errno != EAGAIN { finish(.reset) }
        return
      }
      position += count
      sent += count
      if let drip {
        nextByte = now + drip
        return
      }
    }
    output = []
    position = 0
  }

  private func receive(_ now: Double, _ buffer: UnsafeMutableRawBufferPointer) {
    var limit = buffer.count
    if case .paced(let bytes, let seconds) = reading {
      limit = min(limit, bytes)
      nextRead = now + seconds
    }
    let count = unsafe recv(descriptor, buffer.baseAddress!, limit, 0)
    if count < 0 {
      if errno != EAGAIN { finish(.reset) }
      return
    }
    if count == 0 { return finish(.orderly) }
    received += count
    unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  private func finish(_ how: End) {
    end = end ?? how
    if how == .orderly, let body, body.left > 0, !isStream { spoil("an answer ended \(body.left) bytes early") }
  }

  private func spoil(_ what: String) { fault = fault ?? what }

  /// Parses and checks.
  private func take(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    while index < bytes.count, fault == nil {
      if isStream { return unsafe takeEvents(UnsafeRawBufferPointer(rebasing: bytes[index...])) }
      guard let open = body else {
        head.append(unsafe bytes[index])
        index += 1
        if head.last == 10, head.suffix(4).elementsEqual([13, 10, 13, 10]) { startBody() }
        continue
      }
      let count = min(open.left, bytes.count - index)
      if let whole = expected.first?.body, open.status / 100 == 2 {
        let fits = open.offset + count <= whole.count
        let same =
          unsafe fits
          && whole.array.withUnsafeBytes {
            unsafe memcmp($0.baseAddress! + open.offset, bytes.baseAddress! + index, count) == 0
          }
        guard same else { return spoil("wrong bytes at \(open.offset) of an answer with status \(open.status)") }
      }
      index += count
      body = (open.status, open.offset + count, open.left - count)
      if open.left == count { endBody() }
    }
  }

  /// Counts events, which end with an empty line as comments do; a comment is of a few bytes.
  private func takeEvents(_ bytes: UnsafeRawBufferPointer) {
    guard let event else { return }
    for index in bytes.indices {
      let byte = unsafe bytes[index]
      if byte == 10, head.last == 10 {
        if head.first != UInt8(ascii: ":") { event(self) }
        head = []
      } else {
        head.append(byte)
      }
    }
  }

  private func startBody() {
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    head = []
    guard let line = lines.first, line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9).prefix(3)) else {
      return spoil("no status line: \(lines.first ?? "")")
    }
    if status == 100 { return }
    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }.flatMap {
      Int($0.dropFirst(15).drop { $0 == " " })
    }
    statuses[status, default: 0] += 1
    // Refusals of the connection itself come unasked.
    if let wish = expected.first, !wish.statuses.contains(status) { spoil("status \(status)") }
    if let length, let whole = expected.first?.body, status / 100 == 2, length != whole.count {
      spoil("\(length) bytes announced instead of \(whole.count)")
    }
    guard let length else {
      isStream = true
      return
    }
    body = (status, 0, length)
    if length == 0 { endBody() }
  }

  private func endBody() {
    let status = body?.status ?? 0
    body = nil
    if !expected.isEmpty { expected.removeFirst() }
    answered?(self, status)
  }
}
