"""What stands around a server's words on their way to us: log lines, courtesies, wrappers in other languages.

None of these sentences names a cause: they never change what a text means. `{}` is where the text stands.
"""

OPENINGS: dict[str, tuple[str, ...]] = {
    "en": (
        "Hello, we are sorry to tell you that your message did not get through.",
        "This message was created automatically by mail software.",
        "Dear sender, the mail below has come back to us.",
        "Hi! Something went wrong with your e-mail.",
        "I'm afraid I wasn't able to deliver your message to the following address.",
    ),
    "de": (
        "Guten Tag, leider konnte Ihre Nachricht nicht zugestellt werden.",
        "Dies ist eine automatisch erzeugte Nachricht.",
        "Sehr geehrte Damen und Herren, Ihre E-Mail kam zu uns zurück.",
        "Achtung: Zustellung fehlgeschlagen!",
    ),
    "fr": (
        "Bonjour, votre message n'a malheureusement pas pu être remis.",
        "Ceci est un message automatique, merci de ne pas y répondre.",
        "Madame, Monsieur, votre courriel nous est revenu.",
        "Échec de remise.",
    ),
    "es": (
        "Estimado usuario: su mensaje no se ha podido entregar.",
        "Este es un mensaje generado automáticamente.",
        "Hola, lamentamos informarle de que su correo ha sido devuelto.",
        "Aviso de error en la entrega.",
    ),
    "it": (
        "Gentile utente, purtroppo il messaggio non è stato consegnato.",
        "Questo è un messaggio generato automaticamente.",
        "Salve, la sua e-mail è tornata indietro.",
        "Avviso di mancata consegna.",
    ),
    "pt": (
        "Prezado usuário, infelizmente sua mensagem não foi entregue.",
        "Esta é uma mensagem automática, não responda.",
        "Olá, o seu e-mail foi devolvido ao remetente.",
        "Aviso de falha na entrega.",
    ),
    "nl": (
        "Beste afzender, helaas is uw bericht niet bezorgd.",
        "Dit bericht is automatisch aangemaakt.",
        "Hallo, uw e-mail is bij ons teruggekomen.",
        "Bezorging mislukt.",
    ),
    "pl": (
        "Dzień dobry, niestety wiadomość nie została dostarczona.",
        "Ta wiadomość została wygenerowana automatycznie.",
        "Szanowni Państwo, Państwa e-mail wrócił do nadawcy.",
        "Błąd dostarczania.",
    ),
    "ru": (
        "Здравствуйте! К сожалению, ваше письмо не доставлено.",
        "Это автоматическое сообщение, отвечать на него не нужно.",
        "Уважаемый пользователь, ваше письмо вернулось.",
        "Ошибка доставки.",
    ),
    "tr": (
        "Merhaba, ne yazık ki iletiniz teslim edilemedi.",
        "Bu ileti otomatik olarak oluşturulmuştur.",
        "Sayın kullanıcı, e-postanız geri döndü.",
        "Teslimat hatası.",
    ),
    "ja": (
        "お客様のメールは配信できませんでした。",
        "このメールは自動的に送信されています。",
        "いつもお世話になっております。下記のメールが戻ってまいりました。",
        "配信エラーのお知らせ",
    ),
    "zh": (
        "您好,很抱歉,您的邮件未能送达。",
        "这是系统自动生成的邮件,请勿回复。",
        "尊敬的用户,您的来信被退回。",
        "退信通知",
    ),
    "ko": (
        "안녕하세요. 죄송하지만 메일이 전달되지 않았습니다.",
        "이 메일은 자동으로 발송되었습니다.",
        "고객님, 보내신 메일이 반송되었습니다.",
        "전송 실패 안내",
    ),
}

CLOSINGS: dict[str, tuple[str, ...]] = {
    "en": (
        "We apologise for any inconvenience.",
        "If you have questions, ask your help desk and quote this text.",
        "A copy of the message is attached.",
        "This e-mail is confidential and meant for the addressee alone. If it reached you by mistake, delete it.",
        "Kind regards, the mail team",
        "Please do not print this e-mail unless you have to.",
    ),
    "de": (
        "Bei Fragen wenden Sie sich an Ihren Administrator.",
        "Mit freundlichen Grüßen, Ihr Mail-Team",
        "Die ursprüngliche Nachricht ist angehängt.",
        "Diese E-Mail ist vertraulich und nur für den Empfänger bestimmt.",
    ),
    "fr": (
        "Pour toute question, adressez-vous à votre administrateur.",
        "Cordialement, l'équipe messagerie",
        "Le message d'origine est joint.",
        "Ce courriel est confidentiel et réservé à son destinataire.",
    ),
    "es": (
        "Si tiene dudas, consulte a su administrador.",
        "Un saludo, el equipo de correo",
        "Se adjunta el mensaje original.",
        "Este correo es confidencial y solo para su destinatario.",
    ),
    "it": (
        "Per chiarimenti si rivolga al suo amministratore.",
        "Cordiali saluti, il gruppo posta",
        "Il messaggio originale è allegato.",
        "Questa e-mail è riservata al solo destinatario.",
    ),
    "pt": (
        "Em caso de dúvida, fale com o seu administrador.",
        "Atenciosamente, equipe de correio",
        "A mensagem original segue em anexo.",
        "Este e-mail é confidencial e destina-se apenas ao destinatário.",
    ),
    "nl": (
        "Neem bij vragen contact op met uw beheerder.",
        "Met vriendelijke groet, het mailteam",
        "Het oorspronkelijke bericht is bijgevoegd.",
        "Deze e-mail is vertrouwelijk en alleen voor de geadresseerde.",
    ),
    "pl": (
        "W razie pytań prosimy o kontakt z administratorem.",
        "Z poważaniem, zespół poczty",
        "W załączeniu oryginalna wiadomość.",
        "Ta wiadomość jest poufna i przeznaczona wyłącznie dla adresata.",
    ),
    "ru": (
        "С вопросами обращайтесь к администратору.",
        "С уважением, служба почты",
        "Исходное письмо приложено.",
        "Это письмо конфиденциально и предназначено только адресату.",
    ),
    "tr": (
        "Sorularınız için yöneticinize başvurun.",
        "Saygılarımızla, e-posta ekibi",
        "Özgün ileti ektedir.",
        "Bu e-posta gizlidir ve yalnızca alıcısı içindir.",
    ),
    "ja": (
        "ご不明な点は管理者にお問い合わせください。",
        "以上、よろしくお願いいたします。",
        "元のメールを添付します。",
        "このメールに心当たりのない場合は破棄してください。",
    ),
    "zh": ("如有疑问,请联系管理员。", "此致,邮件服务组", "原始邮件见附件。", "本邮件内容保密,仅供收件人阅读。"),
    "ko": (
        "궁금한 점은 관리자에게 문의하십시오.",
        "감사합니다. 메일 운영팀",
        "원본 메시지가 첨부되어 있습니다.",
        "이 메일은 기밀이며 수신자만을 위한 것입니다.",
    ),
}

WRAPPERS: dict[str, tuple[str, ...]] = {
    "en": ("The following reply came from {host}: {}", "Delivery to {addr} failed; the far side answered: {}"),
    "de": (
        "Zustellung an {addr} fehlgeschlagen, der andere Server meldete: {}",
        "Fehler vom Gegenserver {host}: {}",
        "Antwort des entfernten Servers lautete: '{}'",
    ),
    "fr": (
        "La remise à {addr} a échoué, le serveur distant a répondu : {}",
        "Réponse du serveur {host} : {}",
        "Erreur renvoyée par le serveur du destinataire : « {} »",
    ),
    "es": (
        "No se pudo entregar a {addr}; el otro servidor respondió: {}",
        "Respuesta del servidor {host}: {}",
        'El servidor remoto devolvió el error "{}"',
    ),
    "it": (
        "Consegna a {addr} non riuscita, l'altro server ha risposto: {}",
        "Risposta del server {host}: {}",
        "Errore restituito dal server remoto: {}",
    ),
    "pt": (
        "Falha na entrega para {addr}; o outro servidor disse: {}",
        "Resposta do servidor {host}: {}",
        "O servidor remoto retornou o erro: {}",
    ),
    "nl": (
        "Bezorging bij {addr} mislukt, de andere server meldde: {}",
        "Antwoord van server {host}: {}",
        "Foutmelding van de ontvangende server: {}",
    ),
    "pl": (
        "Nie dostarczono do {addr}, drugi serwer odpowiedział: {}",
        "Odpowiedź serwera {host}: {}",
        "Serwer zdalny zwrócił błąd: {}",
    ),
    "ru": (
        "Не доставлено на {addr}, другой сервер ответил: {}",
        "Ответ сервера {host}: {}",
        "Удалённый сервер вернул ошибку: «{}»",
    ),
    "tr": (
        "{addr} adresine teslim edilemedi, karşı sunucunun yanıtı: {}",
        "{host} sunucusunun yanıtı: {}",
        "Uzak sunucu şu hatayı döndürdü: {}",
    ),
    "ja": (
        "{addr} への配信に失敗しました。相手サーバーの応答: {}",
        "サーバー {host} からの応答:「{}」",
        "リモートサーバーが次のエラーを返しました: {}",
    ),
    "zh": ("投递到 {addr} 失败,对方服务器答复:{}", "服务器 {host} 返回:{}", "远程服务器返回以下错误:{}"),
    "ko": (
        "{addr} 에게 전송하지 못했습니다. 상대 서버의 응답: {}",
        "{host} 서버 응답: {}",
        "원격 서버가 다음 오류를 반환했습니다: {}",
    ),
}

LOG_LINES = (
    "Mar 14 10:22:01 mx1 postfix/smtp[2211]: 4FA2B1C0D7: to={addr}, relay={host}[{ip}]:25, delay=2.1, delays=0.1/0/1/1, dsn=5.0.0, status=bounced (host {host}[{ip}] said: {})",
    "Mar 14 10:22:01 mx1 postfix/smtp[2211]: 4FA2B1C0D7: to={addr}, relay={host}[{ip}]:25, delay=40, dsn=4.0.0, status=deferred ({})",
    "2025-03-14T10:22:01+01:00 mx1 postfix/smtpd[811]: NOQUEUE: reject: RCPT from {host}[{ip}]: {}; from={addr} to={addr} proto=ESMTP helo={host}",
    "postfix/error[3301]: 7C11D2E0A4: to={addr}, relay=none, delay=3, status=bounced ({})",
    "2025-03-14 10:22:01 1tAbCd-0004xY-9Z ** {addr} R=dnslookup T=remote_smtp H={host} [{ip}]: {}",
    "2025-03-14 10:22:01 1tAbCd-0004xY-9Z == {addr} R=dnslookup T=remote_smtp defer (-44): {}",
    "1tAbCd-0004xY-9Z ** {addr} R=dnslookup T=remote_smtp: SMTP error from remote mail server after RCPT TO:{addr}: {}",
    "@400000006611f0a53a2b delivery 4711: failure: {ip}_does_not_like_recipient./Remote_host_said:_{}/Giving_up_on_{ip}./",
    "delivery 88: deferral: {}/",
    "sendmail[20113]: 52EAM1x3: to={addr}, ctladdr={addr}, delay=00:00:03, mailer=esmtp, relay={host} [{ip}], stat=Service unavailable ... {}",
    "sm-mta[771]: 52EAM1x3: {addr}, dsn=5.0.0, reply={}",
    "<22>1 2025-03-14T10:22:01.000Z mx1 maillog - - - {}",
    "smtpd[99]: smtp-out: Error on session 6c2f: {}",
    "2025-03-14 10:22:01,123 ERROR mailer.worker - send to {addr} failed: {}",
    "[2025/03/14 10:22:01] ERROR smtp {host}:25 => {}",
    "10:22:01.411 5 SMTP-0042({host}) rsp: {}",
    "SMTP< {}",
    "RCVD: {}",
    "<-- {}",
    ">>> RCPT TO:{addr} <<< {}",
    "S: {}",
    'level=error msg="{}" rcpt={addr} host={host}',
    '{"event":"bounce","rcpt":"{addr}","response":"{}"}',
    "smtplib.SMTPRecipientsRefused: {'{addr}': b'{}'}",
    "smtplib.SMTPDataError: b'{}'",
    "javax.mail.SendFailedException: {}",
    "com.sun.mail.smtp.SMTPAddressFailedException: {}",
    "Error: Message failed: {} at SMTPConnection._formatError",
    "PHPMailer: SMTP Error: data not accepted. Server said: {}",
    "System.Net.Mail.SmtpFailedRecipientException: {}",
    "Net::SMTPFatalError: {}",
    "LED={}; FQDN={host}; IP={ip}",
)
