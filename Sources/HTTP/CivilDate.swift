// Days since 1970 to year, month and day and back, in the proleptic Gregorian calendar.
//
// The arithmetic is Howard Hinnant's `days_from_civil` and `civil_from_days`: no table, no loop, no libc.
// It assumes years far inside the range of Int.

/// A day of the Gregorian calendar.
struct CivilDate: Equatable {
  var year: Int
  /// 1 to 12.
  var month: Int
  /// 1 to 31.
  var day: Int

  init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The day that is `days` after 1970-01-01.
  init(daysSinceEpoch days: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days from 1970-01-01 to this day.
  var daysSinceEpoch: Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// Whether the month has such a day.
  var isValid: Bool {
    guard (1...12).contains(month), day >= 1 else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let length =
      switch month {
      case 2: isLeap ? 29 : 28
      case 4, 6, 9, 11: 30
      default: 31
      }
    return day <= length
  }
}

/// A moment as calendar and clock show it, in UTC.
struct CivilTime {
  let date: CivilDate
  /// 0 for Sunday.
  let weekday: Int
  let hour: Int
  let minute: Int
  let second: Int

  /// Breaks up seconds since 1970, held within the years 0 to 9999, which is what the formats can write.
  init(seconds: Int) {
    let held = min(max(seconds, -62_167_219_200), 253_402_300_799)
    let days = (held >= 0 ? held : held - 86_399) / 86_400
    let secondOfDay = held - days * 86_400
    date = CivilDate(daysSinceEpoch: days)
    weekday = ((days + 4) % 7 + 7) % 7
    hour = secondOfDay / 3600
    minute = secondOfDay / 60 % 60
    second = secondOfDay % 60
  }
}
