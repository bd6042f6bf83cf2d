// TLS before any origin of the tests: a relay that ends the encryption and passes the rest on, by Python's ssl module, and
// the certificates that it shows, made by openssl(1).

import Foundation
import Glibc

/// A certificate that signs itself, and its key.
struct Certificate {
  let file: String
  let key: String

  /// - Parameter names: as in `subjectAltName`, such as `IP:127.0.0.1` and `DNS:localhost`.
  init(_ names: String...) throws {
    file = Scratch.shared.path("certificate")
    key = Scratch.shared.path("key")
    let result = try Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=larder-test", "-addext", "subjectAltName=" + names.joined(separator: ","), "-keyout", key,
        "-out", file,
      ])
    guard result.ending == .exited(0) else { throw RigFailure("openssl: \(result.errors)") }
  }
}

/// A running relay.
final class TLSFront {
  let port: Int
  private let program: Program

  init(_ certificate: Certificate, upstream: Int) throws {
    program = try Program(
      Paths.testEnvironment("python3"), ["-c", Self.script, certificate.file, certificate.key, "\(upstream)"])
    port = try eventually("the relay's port", explain: program.errors) { [program] in
      program.output.hasSuffix("\n") ? Int(program.output.dropLast()) : nil
    }
  }

  /// One thread a connection: HTTP/1.1 has one side speak at a time, and select(2) tells which.
  private static let script = """
    import select, socket, ssl, sys, threading

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])

    def relay(plain):
        try:
            with context.wrap_socket(plain, server_side=True) as client:
                with socket.create_connection(("127.0.0.1", int(sys.argv[3]))) as origin:
                    while True:
                        ready = [client] if client.pending() else select.select([client, origin], [], [])[0]
                        for source, target in ((client, origin), (origin, client)):
                            if source in ready:
                                data = source.recv(65536)
                                if not data:
                                    return
                                target.sendall(data)
        except OSError:
            pass

    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()
    """
}
