// `larder check --origin`: whether Larder can fetch from the configured origin, tried step by step with the client that
// the daemon fetches by. Nothing is written anywhere, and no more is read than a catalogue and a thousand bytes.

import Cache
import Curl
import HTTP
import Loop
import S3

/// Tries the origin.
@EventLoop
struct OriginCheck {
  let client: OriginClient
  /// Empty for none.
  let catalogueKey: String
  /// The title to try; else the catalogue's first.
  let title: Title?
  let keyOf: (Title) -> String

  /// A key that nobody has: the words of its absence say who may, and whether there is such a bucket.
  private static let nothing = Array("larder-check-of-what-is-not-there".utf8)
  /// As much as is asked for of a title, in bytes.
  private static let sample = 1024
  private static let needingTitle: [OriginFinding.Subject] = [.title, .range, .ifMatch, .checksum]

  /// Everything that was tried, in order.
  func run() async -> [OriginFinding] {
    let settings = client.settings
    let answer: OriginClient.Reply
    do { answer = try await client.ask(.get(Self.nothing, range: 0...0), bodyLimit: 64 << 10) } catch {
      let found = OriginFinding.unreached(error, by: settings)
      let rest = OriginFinding.Subject.allCases.filter { subject in
        !found.contains { $0.subject == subject } && (subject != .catalogue || !catalogueKey.isEmpty)
      }
      return found + OriginFinding.notTried(rest, "the connection comes first")
    }
    let failure = client.failure(answer.head, answer.body, answer.asked)
    let isThere = (200..<300).contains(answer.head.status)
    var findings = [
      OriginFinding(.connection, .ok, "\(settings.endpoint.authority) takes connections"), OriginFinding.tls(settings),
    ]
    findings += OriginFinding.doors(isThere ? .missing : failure, by: settings)
    let now = HTTPServer.seconds
    findings.append(OriginFinding.clock(answer.head["date"].flatMap { Self.seconds($0, now: now) }, at: now))
    return findings + (await titles())
  }

  private static func seconds(_ date: String, now: Int) -> Int? {
    unsafe Array(date.utf8).withUnsafeBytes { unsafe HTTPDate.parse($0, now: now) }
  }

  // MARK: A title

  private func titles() async -> [OriginFinding] {
    var findings: [OriginFinding] = []
    var copy: CatalogueCopy?
    if !catalogueKey.isEmpty {
      let (finding, read) = await catalogue()
      findings.append(finding)
      copy = read
    }
    guard let title = title ?? copy?.first else {
      return findings
        + OriginFinding.notTried(Self.needingTitle, "no title to try them with; name one by --title CONTENT_ID/QUALITY")
    }
    let key = copy?.key(of: title) ?? keyOf(title)
    let answer = await client.head(key)
    findings.append(OriginFinding.title(answer, key: key))
    guard case .found(let object) = answer else {
      return findings + OriginFinding.notTried([.range, .ifMatch, .checksum], "the title comes first")
    }
    findings += await ranges(of: object.version)
    findings.append(OriginFinding.checksum(object.digest))
    return findings
  }

  private func catalogue() async -> (OriginFinding, CatalogueCopy?) {
    switch await client.read(catalogueKey, limit: Catalogue.limit) {
    case .failure(let problem):
      return (OriginFinding(.catalogue, .failed, "\(problem); check origin.catalog_key"), nil)
    case .success(let bytes):
      do {
        let copy = try CatalogueCopy(bytes)
        return (OriginFinding(.catalogue, .ok, "\(catalogueKey) has \(copy.titles.count) titles"), copy)
      } catch {
        return (OriginFinding(.catalogue, .failed, "\(catalogueKey) is no catalogue: \(error); mend it"), nil)
      }
    }
  }

  /// A part of the title, asked for as a fill asks, and then as of a version that there never was.
  private func ranges(of version: ObjectVersion) async -> [OriginFinding] {
    // Of the whole, an origin that knows no ranges would answer right.
    let count = min(Self.sample, version.size - 1)
    guard count > 0 else {
      return OriginFinding.notTried([.range, .ifMatch], "the title has no two bytes; name another one by --title")
    }
    let key = Array(version.key.utf8)
    func ask(ifMatch: String) async throws(CurlError) -> OriginClient.Reply {
      try await client.ask(.get(key, range: 0...(count - 1), ifMatch: ifMatch), bodyLimit: max(count, 64 << 10))
    }
    var findings: [OriginFinding] = []
    do {
      let (head, body, asked) = try await ask(ifMatch: version.etag)
      var outcome = client.judge(head, error: body, of: version, 0..<count, from: asked)
      if outcome == nil, body.count != count {
        outcome = .troubled("a range came with \(body.count) bytes", retryAfter: nil)
      }
      findings.append(OriginFinding.range(outcome))
    } catch {
      let why = error.kind == .tooLarge ? "more came than the range that was asked for" : "\(error)"
      findings.append(OriginFinding.range(.troubled(why, retryAfter: nil)))
    }
    do {
      findings.append(OriginFinding.ifMatch(try await ask(ifMatch: "\"larder-check\"").head.status))
    } catch {
      findings.append(
        error.kind == .tooLarge
          ? OriginFinding.ifMatch(nil) : OriginFinding(.ifMatch, .failed, "\(error); try again"))
    }
    return findings
  }
}

extension CatalogueCopy {
  /// The first title that can be asked for.
  fileprivate var first: Title? {
    for title in titles {
      for quality in title.qualities {
        if let found = try? Title(contentID: title.contentID, quality: quality.name) { return found }
      }
    }
    return nil
  }
}
