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
    let wanted = #"""
      {"browserName":"chrome","goog:chromeOptions":{"binary":"/usr/bin/chromium","args":\#(arguments)},
       "goog:loggingPrefs":{"browser":"ALL","performance":"ALL"}}
      """#
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

  /// Waits until what the body returns in the page is true.
  func wait(_ what: String, within seconds: Double = 30, _ body: String, _ arguments: [String: String] = [:]) throws {
    var seen = JSON.null
    try eventually(what, within: seconds, explain: "\(seen)\n\((try? text()) ?? "")") {
      seen = try run(body, arguments)
      return seen == .bool(true) ? true : nil
    }
  }

  /// What stands on the page, as its reader sees it.
  func text() throws -> String { try run("return document.body.innerText;").text ?? "" }

  /// Opens the box's page by a link and waits until the user is in.
  func signIn(_ user: User) throws {
    try open("\(user.box.address)/#token=\(user.token)")
    try wait("the user's films", "return document.querySelector('.space')?.hidden === false;")
  }

  /// Presses the button or link in sight whose label or text begins so, once it is there.
  func click(_ label: String) throws {
    let find = """
      const found = [...document.querySelectorAll('button, a')].find(target => target.offsetParent !== null
        && target.getAttribute('aria-disabled') !== 'true' && (target.getAttribute('aria-label') || target.textContent).trim().startsWith(label));
      if (found) found.click();
      return found !== undefined;
      """
    try wait("the button \(label)", find, ["label": label])
  }

  /// Presses a key and lets it go.
  func press(_ key: Key, times: Int = 1) throws {
    let stroke = #"{"type":"keyDown","value":"\#(key.rawValue)"},{"type":"keyUp","value":"\#(key.rawValue)"}"#
    let strokes = Array(repeating: stroke, count: times).joined(separator: ",")
    try ask("POST", "/actions", #"{"actions":[{"type":"key","id":"keyboard","actions":[\#(strokes)]}]}"#)
  }

  /// Keys by the code points that the driver takes for them.
  enum Key: String {
    case tab = "\u{E004}"
    case enter = "\u{E007}"
    case escape = "\u{E00C}"
    case left = "\u{E012}"
    case up = "\u{E013}"
    case right = "\u{E014}"
    case down = "\u{E015}"
  }

  /// What the console has said since the last call: errors, refusals of the security policy, failed requests.
  func complaints() throws -> [String] {
    (try ask("POST", "/se/log", #"{"type":"browser"}"#).array ?? []).filter { $0.level?.text != "INFO" }
      .compactMap { $0.message?.text }
  }

  /// The addresses that were asked since the last call, by whatever part of the page; not the browser's own pages.
  func requests() throws -> [String] {
    try (try ask("POST", "/se/log", #"{"type":"performance"}"#).array ?? []).compactMap { line in
      let event = try JSON((line.message?.text ?? "{}").utf8).message
      return event?.method?.text == "Network.requestWillBeSent" ? event?.params?.request?.url?.text : nil
    }
    .filter { !$0.hasPrefix("chrome:") }
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
