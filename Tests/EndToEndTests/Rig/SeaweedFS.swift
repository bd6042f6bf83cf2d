// The real S3 server of the tests: started once for the test process, on loopback, in
// the tests' own directory. It checks signatures as it would for anyone.

import Foundation
import Glibc

/// A running SeaweedFS with one bucket.
struct SeaweedFS: Sendable {
  static let bucket = "titles"
  static let accessKey = "AKIATEST"
  /// With the characters that a careless signature gets wrong.
  static let secretKey = "test/Secret+Key=="

  let port: Int

  /// The one server of this process; every test that needs it fails when it cannot run.
  static func shared() throws -> SeaweedFS { try started.get() }

  private static let started = Result { try SeaweedFS() }

  private init() throws {
    let weed = try Paths.testEnvironment("weed")
    let directory = Scratch.shared.path("seaweedfs")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let identities = """
      {"identities":[{"name":"larder","actions":["Admin","Read","Write","List","Tagging"],
        "credentials":[{"accessKey":"\(Self.accessKey)","secretKey":"\(Self.secretKey)"}]}]}
      """
    try identities.write(toFile: directory + "/s3.json", atomically: true, encoding: .utf8)

    // Another program may take a port between our asking for it and the server's: then with others.
    for attempt in 1...5 {
      let ports = try freePorts(8)
      let program = try Program(
        weed, Self.arguments(directory: directory, ports: ports), environment: ["GOMAXPROCS": "2"],
        name: directory + "/weed")
      if try Self.isReady(program, port: ports[0]) {
        port = ports[0]
        try Self.curl(["-X", "PUT", "http://127.0.0.1:\(port)/\(Self.bucket)"])
        // It runs until the reaper ends it: its own way of stopping takes ten seconds.
        _ = unsafe Unmanaged.passRetained(program)
        return
      }
      if attempt == 5 { throw RigFailure("SeaweedFS does not start:\n\(program.errors.suffix(2000))") }
    }
    throw RigFailure("unreachable")
  }

  private static func arguments(directory: String, ports: [Int]) -> [String] {
    // Telemetry is on by default and calls out. The rest makes it start quickly.
    let options: KeyValuePairs = [
      "dir": directory, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
      "s3.port": "\(ports[0])", "s3.port.grpc": "\(ports[1])", "master.port": "\(ports[2])",
      "master.port.grpc": "\(ports[3])", "volume.port": "\(ports[4])", "volume.port.grpc": "\(ports[5])",
      "filer.port": "\(ports[6])", "filer.port.grpc": "\(ports[7])", "s3.port.iceberg": "0", "s3.port.lance": "0",
      "s3.iam": "false", "s3.config": directory + "/s3.json", "s3.localSocket": directory + "/s3.sock",
      "filer.localSocket": directory + "/filer.sock", "master.electionTimeout": "1s",
      "master.heartbeatInterval": "100ms", "master.volumeSizeLimitMB": "1024", "volume.max": "0",
    ]
    return ["-logtostderr=true", "server", "-s3"] + options.map { "-\($0)=\($1)" }
  }

  /// Waits until it stores an object; false when it gave up.
  private static func isReady(_ program: Program, port: Int) throws -> Bool {
    try eventually("SeaweedFS ready", within: 60, explain: String(program.errors.suffix(2000))) {
      if program.poll() != nil { return false }
      let url = "http://127.0.0.1:\(port)/ready"
      return (try? curl(["-X", "PUT", url])) != nil && (try? curl(["-T", "/dev/null", url + "/probe"])) != nil
        ? true : nil
    }
  }

  /// Stores a title as the platform would, replacing what has its name.
  func put(_ title: Title) throws {
    try put(title.bytes, key: title.key)
  }

  func put(_ bytes: Bytes, key: String) throws {
    let file = Scratch.shared.path("object")
    try Data(bytes.array).write(to: URL(fileURLWithPath: file))
    defer { unsafe unlink(file) }
    try Self.curl(["-T", file, url(key: key)])
  }

  /// Stores a title in parts of so many bytes, as platforms upload what is long: its ETag is then one of the parts.
  func put(_ title: Title, partSize: Int) throws {
    let url = url(key: title.key)
    // curl 7.88 signs a query as it is given, so that it must be in the canonical form: sorted, and with every "=".
    let begun = try Self.curl(["-X", "POST", url + "?uploads="])
    guard let id = begun.components(separatedBy: "<UploadId>").last?.components(separatedBy: "</UploadId>").first,
      !id.isEmpty, id != begun
    else { throw RigFailure("no upload id: \(begun)") }
    let file = Scratch.shared.path("part")
    defer { unsafe unlink(file) }
    var parts = ""
    for (index, start) in stride(from: 0, to: title.size, by: partSize).enumerated() {
      let part = title.bytes[start..<min(title.size, start + partSize)]
      try Data(part.array).write(to: URL(fileURLWithPath: file))
      let etag = try Self.curl(
        ["-T", file, "-w", "%header{etag}", url + "?partNumber=\(index + 1)&uploadId=\(id)"])
      parts += "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(etag)</ETag></Part>"
    }
    let list = "<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>"
    // What it uploads it does not sign, which the server takes; of what it posts it signs a digest that it does not send.
    try Data(list.utf8).write(to: URL(fileURLWithPath: file))
    try Self.curl(["-X", "POST", "-T", file, url + "?uploadId=\(id)"])
  }

  /// Takes a title away.
  func remove(key: String) throws {
    try Self.curl(["-X", "DELETE", url(key: key)])
  }

  /// Reads an object back.
  func get(key: String) throws -> Bytes {
    let file = Scratch.shared.path("object")
    defer { unsafe unlink(file) }
    try Self.curl(["-o", file, url(key: key)])
    return try Bytes(file: file)
  }

  private func url(key: String) -> String {
    let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
    let encoded = key.addingPercentEncoding(withAllowedCharacters: plain) ?? key
    return "http://127.0.0.1:\(port)/\(Self.bucket)/\(encoded)"
  }

  /// What the server answers. curl signs by Signature Version 4 too, by code that is not ours.
  @discardableResult private static func curl(_ arguments: [String]) throws -> String {
    let result = try Program.run(
      "/usr/bin/curl",
      ["-sS", "--fail-with-body", "--max-time", "60", "--user", "\(accessKey):\(secretKey)"]
        + ["--aws-sigv4", "aws:amz:us-east-1:s3"] + arguments)
    guard result.ending == .exited(0) else {
      throw RigFailure("curl \(arguments.joined(separator: " ")): \(result.errors)\(result.output.prefix(500))")
    }
    return result.output
  }
}

/// Ports of loopback that are free now, below those which outgoing connections take.
func freePorts(_ count: Int) throws -> [Int] {
  var ports: [Int] = []
  for _ in 0..<1000 where ports.count < count {
    let port = Int.random(in: 20_000..<32_000)
    guard !ports.contains(port), let socket = try? Listener(port: port) else { continue }
    socket.close()
    ports.append(port)
  }
  guard ports.count == count else { throw RigFailure("no \(count) free ports") }
  return ports
}
