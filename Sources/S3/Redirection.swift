// Redirection: where a store says that a bucket is, and where of that a client may go.
//
// A signed request is worth something to whoever gets it: it can be sent again for a quarter of an hour, and with temporary
// credentials it carries their token. So a redirection is never followed because it says so, but only to a place that the
// configured endpoint itself could have named: the same host, or a form of it for another region.

/// What a store's redirection says.
public struct Redirection: Sendable, Hashable {
  /// The region that the bucket is in, from `x-amz-bucket-region` or the error's `<Region>`.
  public let region: String?
  /// The value of `Location`.
  public let location: String?
  /// The host of the error's `<Endpoint>`.
  public let endpoint: String?
  /// Whether it is meant to last: all but 302 and 307.
  public let isPermanent: Bool

  /// What an answer said.
  public init(region: String? = nil, location: String? = nil, endpoint: String? = nil, isPermanent: Bool = true) {
    self.region = region
    self.location = location
    self.endpoint = endpoint
    self.isPermanent = isPermanent
  }
}

extension Endpoint {
  /// The place that a redirection names, when this endpoint, the configured one, may be left for it.
  ///
  /// Followed are the same host, and the host with another region in the place of its own, such as
  /// `s3.eu-west-1.amazonaws.com` for `s3.us-east-1.amazonaws.com`; both with the bucket before it or not. A neighbour in
  /// the same domain is not: below `amazonaws.com` are the machines of strangers. `https` is never left for `http`, a
  /// port only together with the scheme, and the path must be that of the same key.
  ///
  /// - Throws: ``EndpointError`` with what the redirection says, why it is not followed and what would mend it.
  public func following(_ redirection: Redirection, forKey key: [UInt8]) throws(EndpointError) -> Endpoint {
    func refused(_ target: String, _ why: String) -> EndpointError {
      EndpointError("the origin redirects to \(target), \(why); configure origin.endpoint and origin.region")
    }
    if let region = redirection.region, !Self.isRegion(region) {
      throw refused("a region", "and its name is none")
    }
    var target: (isSecure: Bool, host: String, port: Int?)?
    if let location = redirection.location, location.first != "/" {
      guard let url = Self.split(location) else { throw refused(Self.shown(location), "which is no address") }
      guard namesKey(url.path, key) else { throw refused(Self.shown(location), "which is another object") }
      target = (url.isSecure, url.host, url.port)
    } else if let location = redirection.location {
      guard namesKey(location[...], key) else { throw refused(Self.shown(location), "which is another object") }
    } else if let endpoint = redirection.endpoint {
      guard let parsed = try? Self.parse((isSecure ? "https://" : "http://") + endpoint) else {
        throw refused(endpoint, "which is no host")
      }
      target = parsed
    }
    guard let target else {
      let region = redirection.region ?? region
      return moved(to: preferredHost(in: region), region: region, isSecure: isSecure, port: port)
    }
    let name = (target.isSecure ? "https://" : "http://") + target.host + (target.port.map { ":\($0)" } ?? "")
    guard target.isSecure || !isSecure else { throw refused(name, "which would give up https") }
    let own = (isSecure ? 443 : 80, target.isSecure ? 443 : 80)
    let (port, targetPort) = (port ?? own.0, target.port ?? own.1)
    guard port == targetPort || (port == own.0 && targetPort == own.1) else {
      throw refused(name, "which is another port")
    }
    guard let (host, region) = match(target.host, in: redirection.region) else {
      throw refused(name, "which is no form of the configured endpoint")
    }
    return moved(to: host, region: region, isSecure: target.isSecure, port: target.port)
  }

  private func moved(to host: String, region: String, isSecure: Bool, port: Int?) -> Endpoint {
    Endpoint(isSecure: isSecure, host: host, port: port, region: region, bucket: bucket, addressing: addressing)
  }

  // MARK: Hosts

  /// The host without a bucket before it, and the region that it is for, when it is a form of this endpoint's.
  private func match(_ target: String, in declared: String?) -> (host: String, region: String)? {
    let bucketLabel = bucket.lowercased() + "."
    let hosts = target.hasPrefix(bucketLabel) ? [target, String(target.dropFirst(bucketLabel.utf8.count))] : [target]
    for candidate in hosts {
      if candidate == host { return (candidate, declared ?? region) }
      // When no region was said, it must be one of the labels.
      let labels = candidate.split(separator: ".").map { $0.hasPrefix("s3-") ? $0.dropFirst(3) : $0 }
      for region in declared.map({ [$0] }) ?? labels.map(String.init)
      where Self.isRegion(region) && forms(in: region).contains(candidate) { return (candidate, region) }
    }
    return nil
  }

  /// The hosts that this endpoint's may become for another region, the likeliest first.
  private func forms(in region: String) -> [String] {
    let labels = host.split(separator: ".").map(String.init)
    guard labels.count > 2, labels.last?.utf8.allSatisfy({ (0x30...0x39).contains($0) }) == false else { return [] }
    var forms: [String] = []
    // A label that is the region, with a domain of two labels behind it at the least.
    for (old, new) in [(self.region, region), ("s3-" + self.region, "s3-" + region)] {
      if let index = labels.dropLast(2).firstIndex(of: old.lowercased()) {
        forms.append((labels[..<index] + [new.lowercased()] + labels[(index + 1)...]).joined(separator: "."))
      }
    }
    // AWS's own: with the region as a label, behind a dash, for IPv6 too, or without any.
    if labels[0] == "s3" || labels[0] == "s3-" + self.region.lowercased() {
      let home = labels.dropFirst().drop { $0 == "dualstack" }.drop { $0 == self.region.lowercased() }
      if home.count >= 2 {
        forms += ["s3.\(region)", "s3-\(region)", "s3.dualstack.\(region)", "s3"].map {
          $0.lowercased() + "." + home.joined(separator: ".")
        }
      }
    }
    return forms
  }

  private func preferredHost(in region: String) -> String {
    region == self.region ? host : forms(in: region).first ?? host
  }

  // MARK: Locations

  /// Whether a path is that of the key, with the bucket before it or not.
  private func namesKey(_ path: Substring, _ key: [UInt8]) -> Bool {
    let decoded = PercentEncoding.decode(path.prefix { $0 != "?" && $0 != "#" })
    return decoded == Array("/".utf8) + key || decoded == Array("/\(bucket)/".utf8) + key
  }

  private static func split(_ url: String) -> (isSecure: Bool, host: String, port: Int?, path: Substring)? {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let rest = url[scheme.upperBound...]
    let path = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    guard let (isSecure, host, port) = try? parse(String(url[..<path])) else { return nil }
    return (isSecure, host, port, rest[path...])
  }

  /// What of a location may stand in a log: no query, which may be a secret, and no more than is of use.
  private static func shown(_ location: String) -> String {
    String(
      String.UnicodeScalarView(
        location.prefix { $0 != "?" && $0 != "#" }.unicodeScalars.prefix(200).map { $0.value < 0x20 ? " " : $0 }))
  }
}
