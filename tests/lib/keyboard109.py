"""The Japanese 109-key board, row by row: what is on the key cap, its Linux code (X: 8 more), its set 1 scan code (0x100: with prefix E0;
0x200: Pause, a sequence with prefix E1), and the keysym that XKB's jp106 makes of it, plain and with Shift. Lamps are off; the last
column names what Alt or Ctrl turn into another one.
"""
from collections import namedtuple

Key = namedtuple('Key', 'cap evdev scancode plain shift other')

BOARD = [Key(*row) for row in (
    ('Esc', 1, 0x01, 'Escape', 'Escape', {}),
    ('F1', 59, 0x3b, 'F1', 'F1', {}),
    ('F2', 60, 0x3c, 'F2', 'F2', {}),
    ('F3', 61, 0x3d, 'F3', 'F3', {}),
    ('F4', 62, 0x3e, 'F4', 'F4', {}),
    ('F5', 63, 0x3f, 'F5', 'F5', {}),
    ('F6', 64, 0x40, 'F6', 'F6', {}),
    ('F7', 65, 0x41, 'F7', 'F7', {}),
    ('F8', 66, 0x42, 'F8', 'F8', {}),
    ('F9', 67, 0x43, 'F9', 'F9', {}),
    ('F10', 68, 0x44, 'F10', 'F10', {}),
    ('F11', 87, 0x57, 'F11', 'F11', {}),
    ('F12', 88, 0x58, 'F12', 'F12', {}),
    ('PrintScreen', 99, 0x137, 'Print', 'Print', {'alt': 'Execute'}),
    ('ScrollLock', 70, 0x46, 'Scroll_Lock', 'Scroll_Lock', {}),
    ('Pause', 119, 0x200, 'Pause', 'Pause', {'ctrl': 'Break', 'both': 'Break'}),
    ('半角/全角', 41, 0x29, 'Zenkaku_Hankaku', 'Zenkaku_Hankaku', {'alt': 'Kanji'}),
    ('1', 2, 0x02, '1', 'exclam', {}),
    ('2', 3, 0x03, '2', 'quotedbl', {}),
    ('3', 4, 0x04, '3', 'numbersign', {}),
    ('4', 5, 0x05, '4', 'dollar', {}),
    ('5', 6, 0x06, '5', 'percent', {}),
    ('6', 7, 0x07, '6', 'ampersand', {}),
    ('7', 8, 0x08, '7', 'apostrophe', {}),
    ('8', 9, 0x09, '8', 'parenleft', {}),
    ('9', 10, 0x0a, '9', 'parenright', {}),
    ('0', 11, 0x0b, '0', 'asciitilde', {}),
    ('-', 12, 0x0c, 'minus', 'equal', {}),
    ('^', 13, 0x0d, 'asciicircum', 'asciitilde', {}),
    ('¥', 124, 0x7d, 'backslash', 'bar', {}),
    ('BackSpace', 14, 0x0e, 'BackSpace', 'BackSpace', {}),
    ('Tab', 15, 0x0f, 'Tab', 'ISO_Left_Tab', {}),
    ('Q', 16, 0x10, 'q', 'Q', {}),
    ('W', 17, 0x11, 'w', 'W', {}),
    ('E', 18, 0x12, 'e', 'E', {}),
    ('R', 19, 0x13, 'r', 'R', {}),
    ('T', 20, 0x14, 't', 'T', {}),
    ('Y', 21, 0x15, 'y', 'Y', {}),
    ('U', 22, 0x16, 'u', 'U', {}),
    ('I', 23, 0x17, 'i', 'I', {}),
    ('O', 24, 0x18, 'o', 'O', {}),
    ('P', 25, 0x19, 'p', 'P', {}),
    ('@', 26, 0x1a, 'at', 'grave', {}),
    ('[', 27, 0x1b, 'bracketleft', 'braceleft', {}),
    ('Enter', 28, 0x1c, 'Return', 'Return', {}),
    ('CapsLock 英数', 58, 0x3a, 'Eisu_toggle', 'Caps_Lock', {}),
    ('A', 30, 0x1e, 'a', 'A', {}),
    ('S', 31, 0x1f, 's', 'S', {}),
    ('D', 32, 0x20, 'd', 'D', {}),
    ('F', 33, 0x21, 'f', 'F', {}),
    ('G', 34, 0x22, 'g', 'G', {}),
    ('H', 35, 0x23, 'h', 'H', {}),
    ('J', 36, 0x24, 'j', 'J', {}),
    ('K', 37, 0x25, 'k', 'K', {}),
    ('L', 38, 0x26, 'l', 'L', {}),
    (';', 39, 0x27, 'semicolon', 'plus', {}),
    (':', 40, 0x28, 'colon', 'asterisk', {}),
    (']', 43, 0x2b, 'bracketright', 'braceright', {}),
    ('Shift left', 42, 0x2a, 'Shift_L', 'Shift_L', {}),
    ('Z', 44, 0x2c, 'z', 'Z', {}),
    ('X', 45, 0x2d, 'x', 'X', {}),
    ('C', 46, 0x2e, 'c', 'C', {}),
    ('V', 47, 0x2f, 'v', 'V', {}),
    ('B', 48, 0x30, 'b', 'B', {}),
    ('N', 49, 0x31, 'n', 'N', {}),
    ('M', 50, 0x32, 'm', 'M', {}),
    (',', 51, 0x33, 'comma', 'less', {}),
    ('.', 52, 0x34, 'period', 'greater', {}),
    ('/', 53, 0x35, 'slash', 'question', {}),
    ('ろ', 89, 0x73, 'backslash', 'underscore', {}),
    ('Shift right', 54, 0x36, 'Shift_R', 'Shift_R', {}),
    ('Ctrl left', 29, 0x1d, 'Control_L', 'Control_L', {}),
    ('Super left', 125, 0x15b, 'Super_L', 'Super_L', {}),
    ('Alt left', 56, 0x38, 'Alt_L', 'Meta_L', {}),
    ('無変換', 94, 0x7b, 'Muhenkan', 'Muhenkan', {}),
    ('Space', 57, 0x39, 'space', 'space', {}),
    ('変換', 92, 0x79, 'Henkan_Mode', 'Henkan_Mode', {}),
    ('カタカナひらがな', 93, 0x70, 'Hiragana_Katakana', 'Hiragana_Katakana', {'alt': 'Romaji'}),
    ('Alt right', 100, 0x138, 'Alt_R', 'Meta_R', {}),
    ('Super right', 126, 0x15c, 'Super_R', 'Super_R', {}),
    ('Application', 127, 0x15d, 'Menu', 'Menu', {}),
    ('Ctrl right', 97, 0x11d, 'Control_R', 'Control_R', {}),
    ('Insert', 110, 0x152, 'Insert', 'Insert', {}),
    ('Home', 102, 0x147, 'Home', 'Home', {}),
    ('PageUp', 104, 0x149, 'Prior', 'Prior', {}),
    ('Delete', 111, 0x153, 'Delete', 'Delete', {}),
    ('End', 107, 0x14f, 'End', 'End', {}),
    ('PageDown', 109, 0x151, 'Next', 'Next', {}),
    ('↑', 103, 0x148, 'Up', 'Up', {}),
    ('←', 105, 0x14b, 'Left', 'Left', {}),
    ('↓', 108, 0x150, 'Down', 'Down', {}),
    ('→', 106, 0x14d, 'Right', 'Right', {}),
    ('NumLock', 69, 0x45, 'Num_Lock', 'Num_Lock', {}),
    ('KP /', 98, 0x135, 'KP_Divide', 'KP_Divide', {}),
    ('KP *', 55, 0x37, 'KP_Multiply', 'KP_Multiply', {}),
    ('KP -', 74, 0x4a, 'KP_Subtract', 'KP_Subtract', {}),
    ('KP 7', 71, 0x47, 'KP_Home', 'KP_7', {}),
    ('KP 8', 72, 0x48, 'KP_Up', 'KP_8', {}),
    ('KP 9', 73, 0x49, 'KP_Prior', 'KP_9', {}),
    ('KP +', 78, 0x4e, 'KP_Add', 'KP_Add', {}),
    ('KP 4', 75, 0x4b, 'KP_Left', 'KP_4', {}),
    ('KP 5', 76, 0x4c, 'KP_Begin', 'KP_5', {}),
    ('KP 6', 77, 0x4d, 'KP_Right', 'KP_6', {}),
    ('KP 1', 79, 0x4f, 'KP_End', 'KP_1', {}),
    ('KP 2', 80, 0x50, 'KP_Down', 'KP_2', {}),
    ('KP 3', 81, 0x51, 'KP_Next', 'KP_3', {}),
    ('KP Enter', 96, 0x11c, 'KP_Enter', 'KP_Enter', {}),
    ('KP 0', 82, 0x52, 'KP_Insert', 'KP_0', {}),
    ('KP .', 83, 0x53, 'KP_Delete', 'KP_Decimal', {}),
)]
assert len(BOARD) == 109

# name, Linux codes held, X state
COMBINATIONS = (('alone', (), 0), ('Shift', (42,), 1), ('Ctrl', (29,), 4), ('Alt', (56,), 8), ('Shift+Ctrl', (42, 29), 5))
SPACE, PAUSE, NUM = 57, 119, 69
# Their second stroke undoes the first.
LOCKS = (58, 69, 70)


# Key codes to which xrdp 0.9's server (Debian 12) gives no keysym: X11's old code 120 of the kana key has none in its map.
NAMELESS = {93: 120}


def expected(key, combination):
    """The keysyms of which one has to arrive."""
    if key.evdev == NUM and 'Ctrl' in combination:
        return {'Num_Lock', 'Pause', 'Break'}  # on a PC's board Ctrl+NumLock is Pause, and xrdp keeps to that
    if combination == 'Shift+Ctrl':
        shifted = key.other.get('both', key.shift)
    elif combination == 'Shift':
        shifted = key.shift
    else:
        return {key.other.get(combination.lower(), key.plain)} | ({'Mode_switch'} if key.plain == 'Henkan_Mode' else set())
    # Whether Shift makes digits of the keypad's arrows is the type that the server's map gives them.
    return {shifted, key.plain} if key.cap.startswith('KP ') else {shifted}
