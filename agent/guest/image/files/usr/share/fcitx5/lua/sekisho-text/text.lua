-- Text that the viewer's own input method made. xrdp hands RDP's Unicode keys to IBus only, so sekisho-screen spells them with keys that
-- nobody presses (broker/rdp/input.h): right Super and right Shift held, F12, then five of F1 to F11, the digits 0 to 10 of one UTF-16
-- unit to the base of 11. They come in order with all other keys and never reach the browser.
local fcitx = require("fcitx")

local F1, F12 = 0xffbe, 0xffc9 -- X11/keysymdef.h
local HELD = fcitx.KeyState.Shift | fcitx.KeyState.Super
local DIGITS = 5

local value, digits = 0, DIGITS
local high = nil

local function unit(u)
    if u >= 0xd800 and u < 0xdc00 then
        high = u
    elseif u >= 0xdc00 and u < 0xe000 then
        if high then
            fcitx.commitString(utf8.char(0x10000 + ((high - 0xd800) << 10) + (u - 0xdc00)))
        end
        high = nil
    elseif u >= 0x20 and u ~= 0x7f and u <= 0xffff then
        high = nil
        fcitx.commitString(utf8.char(u))
    end
end

function sekisho_text_key(sym, state, release)
    if sym < F1 or sym > F12 or state & HELD ~= HELD then
        return false
    end
    if release then
        return true
    end
    if sym == F12 then
        value, digits = 0, 0
    elseif digits < DIGITS then
        value, digits = value * 11 + (sym - F1), digits + 1
        if digits == DIGITS then
            unit(value)
        end
    end
    return true
end

fcitx.watchEvent(fcitx.EventType.KeyEvent, "sekisho_text_key")
