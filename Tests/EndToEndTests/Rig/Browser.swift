// A real browser, led through its driver (W3C WebDriver): a few requests in JSON, for which no library is needed.

import Foundation
import Glibc

/// A headless Chromium with one window.
final class Browser {
  private let driver: Program
  private let port: Int
  private var session = ""

  /// Starts a browser, whose window is so wide and high.
  init(width: Int = 1280, height: Int = 800) throws {
    for program in ["/usr/bin/chromium", "/usr/bin/chromedriver"]
    where !FileManager.default.isExecutableFile(atPath: program) {
      throw RigFailure("\(program) is missing: run etc/setup --test")
    }
    // What it keeps, it keeps where the tests work.
    let home = Scratch.shared.path("browser")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let driver = try Program(
      "/usr/bin/chromedriver", ["--port=0"], environment: ["HOME": home, "TMPDIR": home, "XDG_RUNTIME_DIR": home])
    self.driver = driver
    port = try eventually("the browser's driver", explain: driver.output + driver.errors) {
      let words = driver.output.components(separatedBy: "started successfully on port ")
      return words.count == 2 ? Int(words[1].prefix { $0.isNumber }) : nil
    }
    let arguments = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run",
      "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--disable-component-update",
      "--no-proxy-server", "--window-size=\(width),\(height)", "--user-data-dir=\(home)/profile",
    ]
    let wanted = #"{"browserName":"chrome","goog:chromeOptions":{"binary":"/usr/bin/chromium","args":\#(arguments)}}"#
    let made = try ask("POST", "", #"{"capabilities":{"alwaysMatch":\#(wanted)}}"#)
    guard let id = made.sessionId?.text else { throw RigFailure("no session of the browser: \(made)") }
    session = "/" + id
    try ask("POST", "/timeouts", #"{"script":25000,"pageLoad":25000}"#)
  }

  deinit {
    _ = try? ask("DELETE", "", nil)
    // The driver takes the browser along; the reaper has its group if it does not.
    driver.signal(SIGTERM)
    _ = try? driver.wait(within: 10)
  }

  /// Opens a page and waits until it is loaded.
  func open(_ url: String) throws { try ask("POST", "/url", #"{"url":"\#(url)"}"#) }

  /// Runs the body of an async function in the page, waits for what it returns, and fails when it throws.
  @discardableResult
  func run(_ body: String, _ arguments: [String: String] = [:]) throws -> JSON {
    let names = arguments.keys.sorted()
    let script = """
      const done = arguments[arguments.length - 1];
      (async (\(names.joined(separator: ", "))) => { \(body) })(...[...arguments].slice(0, -1))
        .then(value => done({ value: value === undefined ? null : value }), error => done({ error: String(error) }));
      """
    let request = try JSONEncoder().encode(Script(script: script, args: names.map { arguments[$0] ?? "" }))
    let result = try ask("POST", "/execute/async", String(decoding: request, as: UTF8.self))
    if let error = result.error?.text { throw RigFailure("in the browser: \(error)") }
    return result.value ?? .null
  }

  private struct Script: Encodable {
    let script: String
    let args: [String]
  }

  /// What the window shows, as a PNG.
  func picture() throws -> Data {
    guard let picture = try ask("GET", "/screenshot", nil).text.flatMap({ Data(base64Encoded: $0) }) else {
      throw RigFailure("no picture of the browser")
    }
    return picture
  }

  @discardableResult
  private func ask(_ method: String, _ path: String, _ body: String?) throws -> JSON {
    let connection = try Connection(port: port)
    try connection.send(request(method, "/session\(session)\(path)", body: body))
    let answer = try connection.receive()
    guard answer.status == 200, let value = answer.json?.value else {
      throw RigFailure("the browser's driver: \(answer)\n\(driver.output)\(driver.errors)")
    }
    return value
  }
}
