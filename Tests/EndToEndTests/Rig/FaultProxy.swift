// A proxy between the box and the origin that counts what passes and spoils it on
// demand. It understands HTTP/1.1 well enough to spoil one answer and not the next,
// and changes no request, so that signatures stay valid.

import Foundation
import Glibc
import Synchronization

/// A request that passed the proxy.
struct OriginRequest: Sendable {
  var method: String
  var target: String
  var range: String?
  var ifMatch: String?
}

/// What the proxy does to an answer of the origin.
struct Fault: Sendable {
  enum Action: Sendable {
    /// Answers in the origin's place.
    case answer(status: Int, headers: [String: String], body: String)
    /// Passes on so many bytes of the body, then closes; with a reset when asked.
    case cut(after: Int, reset: Bool)
    /// Inverts one byte of the body.
    case flip(at: Int)
    /// Takes the request and says nothing.
    case hang
    /// Passes on so many bytes a second.
    case rate(Int)
  }

  var action: Action
  /// How many answers it spoils before it is over.
  var times = Int.max
  /// Which requests it concerns.
  var concerns: @Sendable (OriginRequest) -> Bool = { _ in true }

  /// An S3 error as the origin would send it.
  static func s3(_ status: Int, _ code: String, headers: [String: String] = [:]) -> Action {
    .answer(
      status: status, headers: headers.merging(["Content-Type": "application/xml"]) { $1 },
      body: "<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code><Message>injected</Message></Error>")
  }
}

/// The proxy; it runs on threads of its own.
final class FaultProxy: Sendable {
  struct State {
    var listener: Listener?
    var open: [Int32: Socket] = [:]
    var fault: Fault?
    var faultGeneration = 0
    var limit = Int.max
    var traffic = 0
    var requests: [OriginRequest] = []
    var accepting = false
  }

  let port: Int
  let upstream: Int
  let state: Mutex<State>

  init(upstream: Int) throws {
    self.upstream = upstream
    // The port stays its own while it is down, or another one is given it.
    let kept = try Listener(listens: false)
    let listener = try Listener(port: kept.port)
    port = listener.port
    state = Mutex(State())
    listen(on: listener)
  }

  /// Ends everything; to be called by whoever made it.
  func stop() {
    fault(nil)
    goDown()
  }

  /// Bytes of bodies that went from the origin to the box.
  var traffic: Int { state.withLock { $0.traffic } }

  /// What the box asked, in order.
  var requests: [OriginRequest] { state.withLock { $0.requests } }

  /// Spoils answers from now on, or none.
  func fault(_ fault: Fault?) {
    state.withLock {
      $0.fault = fault
      $0.faultGeneration += 1
    }
  }

  /// Lets so many bytes of bodies pass in all, then holds the rest back without closing.
  func hold(after bytes: Int) { state.withLock { $0.limit = bytes } }

  /// Holds nothing back any longer.
  func release() { hold(after: .max) }

  /// Refuses connections and ends those that are open, as when the origin's host is gone.
  func goDown() {
    let listener = state.withLock { state in
      defer { state.listener = nil }
      for socket in state.open.values { socket.shut() }
      return state.listener
    }
    listener?.shut()
    while state.withLock({ $0.accepting || !$0.open.isEmpty }) { usleep(1000) }
  }

  /// Takes connections again, on the same port.
  func comeBack() throws { listen(on: try Listener(port: port)) }

  private func listen(on listener: Listener) {
    state.withLock {
      $0.listener = listener
      $0.accepting = true
    }
    Thread.detachNewThread { [self] in
      while let socket = listener.accept() {
        let isOpen = state.withLock { state in
          if state.listener != nil { state.open[socket.descriptor] = socket }
          return state.listener != nil
        }
        guard isOpen else {
          socket.close()
          break
        }
        Thread.detachNewThread { [self] in
          var relay = Relay(proxy: self, client: socket)
          relay.run()
        }
      }
      listener.close()
      state.withLock { $0.accepting = false }
    }
  }

  /// Notes a request and says what is to be done to its answer.
  func decide(_ request: OriginRequest) -> Fault.Action? {
    state.withLock { state in
      state.requests.append(request)
      guard let fault = state.fault, fault.times > 0, fault.concerns(request) else { return nil }
      state.fault?.times -= 1
      return fault.action
    }
  }

  /// Waits until some of so many bytes may pass, and counts them; 0 when the client is gone.
  func admit(_ count: Int, of client: Socket) -> Int {
    while true {
      let admitted = state.withLock { state in
        let admitted = max(0, min(count, state.limit - state.traffic))
        state.traffic += admitted
        return admitted
      }
      if admitted > 0 || count == 0 { return admitted }
      if client.hasEnded { return 0 }
      usleep(5000)
    }
  }

  /// Waits until the fault is another one or the client is gone.
  func hang(_ client: Socket) {
    let generation = state.withLock { $0.faultGeneration }
    while state.withLock({ $0.faultGeneration }) == generation, !client.hasEnded { usleep(5000) }
  }
}

extension Socket {
  /// Whether the other side has closed, as far as can be told without reading.
  var hasEnded: Bool {
    var byte: UInt8 = 0
    let count = unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
  }
}
