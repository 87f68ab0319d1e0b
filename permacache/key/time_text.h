// The text of std::chrono: durations, points in time, dates.
#ifndef PERMACACHE_KEY_TIME_TEXT_H_
#define PERMACACHE_KEY_TIME_TEXT_H_

#include <string_view>

#include "permacache/key/object_text.h"

namespace permacache::key {

// {".type": "duration", "count": 1500, "period": [1, 1000]}: that many times 1/1000 seconds.
template <class T>
void AppendTicks(Output& out, std::string_view type, const T& duration) {
  ObjectText object(out);
  object.Member(".type", type);
  object.Member("count", duration.count());
  object.Name("period");
  ListText period(out);
  period.Element(T::period::num);
  period.Element(T::period::den);
  period.End();
  object.End();
}

template <class T>
void AppendDateMembers(ObjectText& object, const T& date) {
  if constexpr (requires { date.day(); }) object.Member("day", date.day());
  if constexpr (requires { date.index(); }) object.Member("index", date.index());
  if constexpr (requires { date.month(); }) object.Member("month", date.month());
  if constexpr (requires { date.weekday(); }) {
    object.Member("weekday", date.weekday());
  } else if constexpr (requires { date.weekday_indexed(); }) {
    object.Member("weekday", date.weekday_indexed());
  } else if constexpr (requires { date.weekday_last(); }) {
    object.Member("weekday", date.weekday_last());
  }
  if constexpr (requires { date.year(); }) object.Member("year", date.year());
}

// {".type": "date", "day": 23, "month": 11, "year": 2026}, with what the type has of it.
template <class T>
void AppendDate(Output& out, const T& date) {
  ObjectText object(out);
  object.Member(".type", std::string_view("date"));
  AppendDateMembers(object, date);
  object.End();
}

// Days, months and years are their numbers, weekdays 0 for Sunday to 6, others dates.
template <class T>
void AppendCalendar(Output& out, const T& value) {
  if constexpr (requires { static_cast<unsigned>(value); }) {
    AppendInteger(out.text, static_cast<unsigned>(value));
  } else if constexpr (requires { static_cast<int>(value); }) {
    AppendInteger(out.text, static_cast<int>(value));
  } else if constexpr (requires { value.c_encoding(); }) {
    AppendInteger(out.text, value.c_encoding());
  } else {
    AppendDate(out, value);
  }
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_TIME_TEXT_H_
