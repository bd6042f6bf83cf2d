// The demo's object store: a second server on the same loop, reached over loopback as any origin is.

import Glibc
import Loop
import S3

/// A small S3 in this process: one bucket, one pair of credentials that live as long as it does.
@EventLoop
struct DemoOrigin {
  nonisolated static let bucket = "larder-demo"
  nonisolated static let region = "us-east-1"
  nonisolated static let catalogueKey = "catalog.json"

  /// `http://127.0.0.1:PORT`.
  let endpoint: String
  let credentials: Credentials
  private let server: HTTPServer

  /// Listens at a port of the kernel's choice and serves.
  ///
  /// - Parameter catalogue: the file that is the catalogue.
  init(_ library: DemoLibrary, catalogue: String) throws {
    let listener = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
    credentials = try Credentials(
      accessKeyID: Self.random(20, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
      secretAccessKey: Self.random(40, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
    var files = [Self.catalogueKey: catalogue]
    for entry in library.titles { files[entry.key] = entry.path }
    endpoint = "http://\(listener.localAddress)"
    let bucket = DemoBucket(name: Self.bucket, region: Self.region, credentials: credentials, files: files)
    server = HTTPServer(
      handler: bucket, limits: ServerLimits(connections: 256, idleTimeout: 75_000, headerTimeout: 10_000))
    server.serve(listener)
  }

  func stop() async { await server.drain(grace: .zero) }

  /// Drawn from the system's generator, which is fit for secrets.
  private static func random(_ count: Int, _ alphabet: String) -> String {
    let characters = Array(alphabet)
    return String((0..<count).map { _ in characters[Int.random(in: characters.indices)] })
  }
}
