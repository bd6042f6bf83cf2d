// Every way in which the API says no, with its status and stable code. One place maps what went wrong to what is answered.

import Access
import Cache
import HTTP
import LMDB

/// A request that is answered with a problem.
struct Rejection: Error {
  let problem: Problem
  var fields: [Reply.Field] = []

  private init(
    _ status: Status, _ code: String, _ detail: String, extras: [Problem.Extra] = [], _ fields: [Reply.Field] = []
  ) {
    problem = Problem(status, code: code, detail: detail, extras: extras)
    self.fields = fields
  }

  /// The body, query or path is not what the endpoint takes; says which field.
  static func invalid(_ detail: String) -> Rejection { Rejection(.badRequest, "invalid_request", detail) }

  static func unauthorized(_ refusal: TokenRefusal) -> Rejection {
    Rejection(.unauthorized, "unauthorized", "\(refusal)", [Reply.Field("WWW-Authenticate", refusal.challenge)])
  }

  static func link(_ detail: String) -> Rejection {
    let challenge = "Bearer error=\"invalid_token\", error_description=\"\(detail)\""
    return Rejection(.unauthorized, "unauthorized", detail, [Reply.Field("WWW-Authenticate", challenge)])
  }

  static func premiumRequired(_ role: String) -> Rejection {
    Rejection(.forbidden, "premium_required", "the token is good, but it does not carry the role \(role)")
  }

  static let adminRequired = Rejection(
    .forbidden, "admin_required", "the token is good, but it does not carry the role \(AccessRules.adminRole)")

  static let notFound = Rejection(.notFound, "not_found", "there is no such download of yours")

  /// The same for an administrator, to whom all belong.
  static let noDownload = Rejection(.notFound, "not_found", "there is no such download, or it is deleted")

  static let pinned = Rejection(
    .conflict, "conflict", "the download is pinned, and a pinned one is never evicted; take its pin away first")

  static func nothingHere(_ detail: String) -> Rejection { Rejection(.notFound, "not_found", detail) }

  static func contentNotFound(_ title: Title) -> Rejection {
    Rejection(
      .notFound, "content_not_found", "the origin has no \(title.contentID) in \(title.quality); check both names")
  }

  static func notReady(_ status: Download.Status, _ trouble: Trouble? = nil) -> Rejection {
    let why = trouble.map { " (\($0.message))" } ?? ""
    let advice = status == .failed ? "retry it" : "try again when its first bytes are there"
    return Rejection(
      .conflict, "not_ready", "the download is \(status.word)\(why), so there is nothing to play yet; \(advice)")
  }

  /// Bytes are wanted that nobody wants to be fetched.
  static let paused = Rejection(
    .conflict, "not_ready", "the download is paused, and these bytes are not here yet; resume it to play them")

  static func conflict(_ status: Download.Status, _ operation: String) -> Rejection {
    Rejection(.conflict, "conflict", "the download is \(status.word), which does not go with \(operation)")
  }

  static let busyRepairing = Rejection(.conflict, "conflict", "\(RepairUnderWay().description)")

  static func methodNotAllowed(_ allowed: [Method]) -> Rejection {
    let names = allowed.map { "\($0.name)" }.joined(separator: ", ")
    return Rejection(
      .methodNotAllowed, "method_not_allowed", "this resource takes \(names)", [Reply.Field("Allow", names)])
  }

  static func originRefused(_ why: String) -> Rejection {
    Rejection(.badGateway, "origin_refused", "\(why); this is for the box's administrator to mend")
  }

  /// Bytes that the disk has lost are not there again yet; the rest of the title plays.
  static func unavailable(_ trouble: Trouble?, at now: Cache.Timestamp) -> Rejection {
    away("the disk lost these bytes, and they are not fetched again yet", trouble, or: .storageError, at: now)
  }

  /// The disk refuses to open a title that is there. Its own words are in the log; who plays it can only come again.
  static func unopened(_ error: DiskError) -> Rejection {
    Rejection(
      .serviceUnavailable, Trouble.Code.storageError.word,
      "the box cannot open this title now (\(error.reason)); its log says more to the administrator",
      [Reply.Field("Retry-After", "2")])
  }

  /// Bytes of a title that is coming in are not there yet and cannot be had now; what is there plays.
  static func notYetHere(_ trouble: Trouble?, at now: Cache.Timestamp) -> Rejection {
    away("these bytes have not come yet", trouble, or: .originUnreachable, at: now)
  }

  private static func away(
    _ what: String, _ trouble: Trouble?, or usual: Trouble.Code, at now: Cache.Timestamp
  ) -> Rejection {
    let why = trouble.map { ": \($0.message)" } ?? ""
    let wait = trouble?.nextAttempt.map { max(1, min(60, ($0.milliseconds - now.milliseconds + 999) / 1000)) } ?? 2
    return Rejection(
      .serviceUnavailable, (trouble?.code ?? usual).word, "\(what)\(why); other bytes of the title play",
      [Reply.Field("Retry-After", "\(wait)")])
  }

  static func refused(_ refusal: Cache.Refusal) -> Rejection {
    switch refusal {
    case .quotaExceeded(let limit, let used, let reserved, let needed):
      Rejection(
        .insufficientStorage, "quota_exceeded", refusal.trouble.message,
        extras: [
          Problem.Extra("limit_bytes", limit), Problem.Extra("used_bytes", used),
          Problem.Extra("reserved_bytes", reserved), Problem.Extra("needed_bytes", needed),
        ])
    case .storageFull(let needed):
      Rejection(
        .insufficientStorage, "storage_full", refusal.trouble.message, extras: [Problem.Extra("needed_bytes", needed)])
    }
  }

  /// The ledger takes no more records of this user.
  static func tooManyDownloads(_ limit: Int) -> Rejection {
    Rejection(
      .insufficientStorage, "too_many_downloads",
      "you have \(limit) downloads of this kind, and no more are taken; delete some, or wait until some are completed",
      extras: [Problem.Extra("limit", limit)])
  }

  /// One user asks for more at a time than is fair to the others.
  static func tooManyRequests(_ detail: String) -> Rejection {
    Rejection(.tooManyRequests, "too_many_requests", detail, [Reply.Field("Retry-After", "1")])
  }

  /// The disk or the ledger failed us. What was wished for did not happen.
  static func failed(_ error: any Error, _ request: UInt64) -> Rejection {
    let isFull = (error as? LMDBError)?.isNoSpace ?? (error as? DiskError)?.isOutOfSpace ?? false
    if isFull {
      return Rejection(
        .insufficientStorage, "storage_full",
        "the disk is full, so nothing was changed; delete something else or ask the administrator (request \(request))")
    }
    let isDisk = error is LMDBError || error is DiskError || error is LedgerLoss.NotInPlace
    let what = isDisk ? "the box's disk refuses, and nothing was changed" : "our fault"
    return Rejection(.internalServerError, "internal", "\(what); logged as request \(request)")
  }
}

extension Status {
  /// The stable code of a request that is not one, by the status that it is refused with.
  var refusalCode: String {
    switch self {
    case .contentTooLarge: "request_too_large"
    case .requestHeaderFieldsTooLarge: "head_too_large"
    default: "invalid_request"
    }
  }
}
