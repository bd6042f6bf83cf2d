// The way into libFuzzer, and how a target says that something is wrong.
//
// SwiftPM links an executable with its own symbol as `main`, which goes before the one in libFuzzer: each
// target's main calls libFuzzer's driver by itself.

import Dispatch
import Synchronization

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ argc: UnsafeMutablePointer<CInt>,
  _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Runs libFuzzer with the program's arguments until it is done or has found something.
public func runFuzzer(
  _ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt {
  var count = argc
  var arguments = unsafe argv
  return unsafe runDriver(&count, &arguments, callback)
}

/// Ends the program, which libFuzzer takes for a finding, unless the invariant holds.
public func check(_ holds: Bool, _ invariant: @autoclosure () -> String) {
  if !holds { fatalError("broken: \(invariant())") }
}

/// Numbers for the choices that a target makes, the same for the same input.
public struct Choices {
  private var state: UInt64

  /// Choices that depend on the input's bytes.
  public init(_ bytes: UnsafeRawBufferPointer) {
    state = 0xcbf2_9ce4_8422_2325
    for index in 0..<bytes.count { unsafe state = (state ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
  }

  /// The next number, from 0 to `limit` inclusive.
  public mutating func next(upTo limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit + 1))
  }
}

/// The result of work that awaits, for what can only be made so; blocks until it is done.
public func result<Value: Sendable>(of work: @escaping @Sendable () async -> Value) -> Value {
  let place = Place<Value>()
  let done = DispatchSemaphore(value: 0)
  Task.detached {
    let value = await work()
    place.value.withLock { $0 = value }
    done.signal()
  }
  done.wait()
  guard let value = place.value.withLock({ $0 }) else { fatalError("the work has ended without a value") }
  return value
}

private final class Place<Value: Sendable>: Sendable {
  let value = Mutex<Value?>(nil)
}
