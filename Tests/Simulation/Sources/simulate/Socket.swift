// The socket's side of the pretend machine: a kernel that takes as much as its buffer has room for, and a client behind it
// that empties the buffer at its own pace, or leaves.

import Glibc
import Loop

/// Stands in for the program's own.
enum IOResult {
  case bytes(Int)
  case wouldBlock, closed
  case failed(Int32)
}

/// One connection, seen from the kernel.
@safe
final class Wire {
  /// Bytes that it takes now.
  var room: Int
  /// Whether the client has closed it.
  var isGone = false
  /// What goes out arrives here.
  let arrived: (UnsafeRawBufferPointer) -> Void

  init(room: Int, arrived: @escaping (UnsafeRawBufferPointer) -> Void) {
    self.room = room
    unsafe self.arrived = arrived
  }
}

/// Stands before `Loop`'s calls of these names.
enum Socket {
  nonisolated(unsafe) static var wires: [Int32: Wire] = [:]
  nonisolated(unsafe) private static var last: Int32 = 2_000_000
  nonisolated(unsafe) static var dice = Dice(seed: 0)

  static func open(_ wire: Wire) -> Int32 {
    unsafe last += 1
    unsafe wires[last] = wire
    return unsafe last
  }

  static func write(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool = false) -> IOResult {
    unsafe take(socket, bytes.count) { count in
      unsafe (count, UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
  }

  /// As the kernel does it: bytes that are not in memory are read from the plate.
  static func sendFile(_ socket: Int32, from file: Int32, offset: Int, count: Int) -> IOResult {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var error: Int32 = 0
    let result = unsafe take(socket, count) { count in
      let (got, code) = unsafe Stage.disk.read(
        file, UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      error = code
      return unsafe (max(0, got), UnsafeRawBufferPointer(rebasing: buffer[..<max(0, got)]))
    }
    return error == 0 ? result : .failed(error)
  }

  @unsafe private static func take(
    _ socket: Int32, _ most: Int, _ bytes: (Int) -> (Int, UnsafeRawBufferPointer)
  ) -> IOResult {
    guard let wire = unsafe wires[socket], !wire.isGone else { return .closed }
    guard wire.room > 0 else { return .wouldBlock }
    var count = min(wire.room, most)
    if unsafe dice.roll(4) == 0 { count = unsafe 1 + dice.roll(count) }
    let (sent, memory) = unsafe bytes(count)
    wire.room -= sent
    unsafe wire.arrived(memory)
    return .bytes(sent)
  }
}

/// What the table of limits says of links, which nobody opens here.
enum KnownLinks {
  static let capacity = 1024
}

/// The same of tokens, which nobody has.
enum Door {
  static let rememberedTokens = 4096
}
